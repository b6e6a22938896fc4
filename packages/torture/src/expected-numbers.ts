import { Violation } from './violation.js';

/** One SetNum: what it wrote, when it began, and when it was acknowledged, if it was. */
export interface NumberWrite {
  readonly key: string;
  /** Undefined: the number is not there, as before its first write. */
  readonly value: bigint | undefined;
  readonly began: number;
  acknowledged: number | undefined;
}

/** Of the writes that had no answer: how many the store holds, and how many it does not. */
export interface Unanswered {
  readonly kept: number;
  readonly notKept: number;
}

/**
 * What each number may be, from what clients were told.
 *
 * A write may be the last one of its number unless another one began after its acknowledgement and
 * was acknowledged too. One without an answer may have happened at any time, or not at all.
 */
export class ExpectedNumbers {
  readonly #candidates = new Map<string, NumberWrite[]>();
  #clock = 0;
  #acknowledged = 0;

  /** How many writes were acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  begin(key: string, value: bigint): NumberWrite {
    const write = { key, value, began: ++this.#clock, acknowledged: undefined };
    const absent = { key, value: undefined, began: 0, acknowledged: 0 };
    this.#candidates.set(key, [...(this.#candidates.get(key) ?? [absent]), write]);
    return write;
  }

  acknowledge(write: NumberWrite): void {
    this.#acknowledged++;
    write.acknowledged = ++this.#clock;
    this.#leave(write.key, (other) => (other.acknowledged ?? this.#clock) >= write.began);
  }

  /** The server has said that nothing was changed. */
  refuse(write: NumberWrite): void {
    this.#leave(write.key, (other) => other !== write);
  }

  /**
   * Compares with everything that the store holds; from then on that is what is expected.
   *
   * Throws a Violation for the first number that is not what it may be.
   */
  settle(found: ReadonlyMap<string, bigint>): Unanswered {
    for (const key of found.keys()) {
      if (!this.#candidates.has(key)) {
        throw new Violation(`there is a number ${JSON.stringify(key)}, which nobody has set`);
      }
    }
    let kept = 0;
    let notKept = 0;
    for (const [key, candidates] of this.#candidates) {
      const value = found.get(key);
      const write = candidates.find((candidate) => candidate.value === value);
      if (write === undefined) throw notAllowed(key, value, candidates);
      for (const { acknowledged, value: written } of candidates) {
        if (acknowledged !== undefined) continue;
        if (written === value) kept++;
        else notKept++;
      }
      this.#candidates.set(key, [{ key, value, began: 0, acknowledged: 0 }]);
    }
    return { kept, notKept };
  }

  /** The sum of all numbers; only after `settle`, while no write is in progress. */
  total(): bigint {
    let total = 0n;
    for (const candidates of this.#candidates.values()) total += candidates.at(-1)?.value ?? 0n;
    return total;
  }

  #leave(key: string, stays: (write: NumberWrite) => boolean): void {
    this.#candidates.set(key, (this.#candidates.get(key) ?? []).filter(stays));
  }
}

function notAllowed(
  key: string,
  value: bigint | undefined,
  candidates: readonly NumberWrite[],
): Violation {
  const allowed = candidates.map(
    (write) =>
      `${write.value ?? 'missing'} (${write.acknowledged === undefined ? 'without an answer' : 'acknowledged'})`,
  );
  return new Violation(
    `the number ${JSON.stringify(key)} is ${value ?? 'missing'}, but only ${allowed.join(' or ')} is allowed`,
  );
}
