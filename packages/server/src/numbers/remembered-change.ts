import { createHash } from 'node:crypto';
import { decodeInt64, encodeInt64 } from './int64.js';
import type { Done, Operation, Refusal, Refused } from './operations.js';

/** Which call asked for operations: the same ones asked for by another are another request. */
export type ChangeCall = 'set' | 'add' | 'delete' | 'batch';

/**
 * What an idempotency key had done: what was asked for, the sum, and the numbers that the request
 * does not say itself.
 *
 * Without a sum nothing was done: the operation at `index` was refused. The records of sets are as
 * they were when there was nothing but sets: a refusal without a name is 'total past int64'.
 */
export type RememberedChange =
  | readonly [digest: Buffer, total: bigint, values?: Buffer]
  | readonly [digest: Buffer, total: null, refusal?: Refusal, index?: number];

/** The record of a change; undefined for a refusal that is not for good. */
export function recordOf(
  digest: Buffer,
  outcome: Done | Refused,
  operations: readonly Operation[],
): RememberedChange | undefined {
  if ('refusal' in outcome) {
    const { refusal, index } = outcome;
    // Room for a number may come with another limit.
    if (refusal === 'too many numbers') return undefined;
    return refusal === 'total past int64' && index === 0
      ? [digest, null]
      : [digest, null, refusal, index];
  }
  const { values, total } = outcome;
  const unsaid = values.filter((_, i) => operations[i]?.kind !== 'set').map(encodeInt64);
  return unsaid.length === 0 ? [digest, total] : [digest, total, Buffer.concat(unsaid)];
}

/** What one key's record may take: most take less than this. */
const bytesPerKey = 256;

/** As how many keys a record counts: that of 10,000 additions has 80 kB. */
export const weightOf = ([, , values]: RememberedChange): number =>
  1 + (Buffer.isBuffer(values) ? Math.floor(values.length / bytesPerKey) : 0);

/** What a record says of the same operations. */
export function outcomeOf(
  record: RememberedChange,
  operations: readonly Operation[],
): Done | Refused {
  if (record[1] === null) {
    const [, , refusal = 'total past int64', index = 0] = record;
    return { refusal, index };
  }
  const [, total, unsaid] = record;
  let offset = 0;
  const values = operations.map((operation) => {
    if (operation.kind === 'set') return operation.value;
    const value = decodeInt64(unsaid as Buffer, offset);
    offset += 8;
    return value;
  });
  return { values, total };
}

/** The first half of a SHA-256 tells any two requests apart. */
const digestBytes = 16;

/** No key begins with it, as no UTF-8 does: so no request has the bytes of a set. */
const notASet = Buffer.from([0xff]);

/** The digest of a whole request. */
export function digestOf(call: ChangeCall, operations: readonly Operation[]): Buffer {
  const hash = createHash('sha256');
  if (call === 'set') {
    for (const operation of operations) {
      hash.update(operation.key);
      if ('value' in operation) hash.update(encodeInt64(operation.value));
    }
  } else {
    // All of it in one piece: updating the hash many times is what would take the time.
    const parts: Buffer[] = [notASet, Buffer.from(`${call}\n`)];
    for (const operation of operations) parts.push(...partsOf(operation));
    hash.update(Buffer.concat(parts));
  }
  return hash.digest().subarray(0, digestBytes);
}

function partsOf(operation: Operation): readonly Buffer[] {
  const key = Buffer.from(operation.key);
  const head = Buffer.from(`${operation.kind} ${key.length} `);
  return 'value' in operation ? [head, key, encodeInt64(operation.value)] : [head, key];
}
