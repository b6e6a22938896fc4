/** What is done to one number. */
export type Operation =
  | { readonly kind: 'set' | 'add'; readonly key: string; readonly value: bigint }
  | { readonly kind: 'delete' | 'get'; readonly key: string };

/** The sum of all numbers, and how many there are. */
export interface Totals {
  readonly total: bigint;
  readonly count: number;
}

/** What operations have led to. */
export interface Done {
  /** For each the number after it; of one that was removed, the number as it was. */
  readonly values: readonly bigint[];
  /** The sum of all numbers after all of them. */
  readonly total: bigint;
}

/** Why nothing was done. */
export interface Refused {
  readonly refusal: Refusal;
  /** The operation that could not be done, counted from 0. */
  readonly index: number;
}

/**
 * The sum, or a number, would not fit; there are as many numbers as may be; there is none of that
 * key; the idempotency key is another request's.
 */
export type Refusal =
  | 'total past int64'
  | 'number past int64'
  | 'too many numbers'
  | 'no such number'
  | 'key of another request';

/** What operations would do: it is known as a whole before anything of it is written. */
export interface Plan extends Done {
  /** The numbers that change; undefined: removed. */
  readonly changed: ReadonlyMap<string, bigint | undefined>;
  readonly totals: Totals;
}

const fitsInt64 = (value: bigint) => BigInt.asIntN(64, value) === value;

/**
 * Plans operations in their order, each seeing what those before it do.
 *
 * `current` reads a number as it is. Every operation must leave its number and the sum within
 * int64, and at most `keysMax` numbers.
 */
export function plan(
  operations: readonly Operation[],
  current: (key: string) => bigint | undefined,
  { total, count }: Totals,
  keysMax: number,
): Plan | Refused {
  const changed = new Map<string, bigint | undefined>();
  const values: bigint[] = [];
  for (const operation of operations) {
    const { key } = operation;
    const refused = (refusal: Refusal) => ({ refusal, index: values.length });
    const before = changed.has(key) ? changed.get(key) : current(key);
    if (!('value' in operation)) {
      if (before === undefined) return refused('no such number');
      if (operation.kind === 'delete') {
        total -= before;
        if (!fitsInt64(total)) return refused('total past int64');
        count--;
        changed.set(key, undefined);
      }
      values.push(before);
      continue;
    }
    if (before === undefined && count >= keysMax) return refused('too many numbers');
    const after = operation.kind === 'set' ? operation.value : (before ?? 0n) + operation.value;
    if (!fitsInt64(after)) return refused('number past int64');
    total += after - (before ?? 0n);
    if (!fitsInt64(total)) return refused('total past int64');
    if (before === undefined) count++;
    changed.set(key, after);
    values.push(after);
  }
  return { values, total, changed, totals: { total, count } };
}
