import { createHash } from 'node:crypto';
import path from 'node:path';
import { open } from 'lmdb';
import type { Config } from '../config.js';
import { ignoreFailedCommit, transactionsOf } from '../lmdb-failure.js';
import { lmdbDataFile, lmdbFault, makeLmdbFiles } from '../lmdb-file.js';
import { openRememberedKeys } from '../remembered-keys.js';
import { StartError } from '../start-error.js';
import { syncPath } from '../sync-path.js';

/** Named 64-bit integers and their sum, on disk. */
export interface NumberStore {
  /**
   * Sets a number and resolves to what that did, once it is durable.
   *
   * With an idempotency key that was given before, it changes nothing and resolves to what the
   * set did then. Rejects with StoppedError when only a restart can tell whether it was changed;
   * then `get` throws it, too.
   */
  set(key: string, value: bigint, idempotencyKey?: string): Promise<SetResult>;
  /** The number called `key`; undefined if there is none. Sees every set that has resolved. */
  get(key: string): bigint | undefined;
  close(): Promise<void>;
}

/** What a set did. */
export interface SetResult {
  /** The sum of all numbers after it, or why nothing was changed. */
  readonly outcome: bigint | SetRefusal;
  /** Whether it was done before, for the same idempotency key. */
  readonly isReplay?: true;
}

/** The sum would not fit; there are as many numbers as may be; the idempotency key is another's. */
export type SetRefusal = 'past int64' | 'too many numbers' | 'key of another set';

/** A set that had an idempotency key: what was asked for, and the sum; null if it did not fit. */
type RememberedSet = readonly [digest: Buffer, total: bigint | null];

// lmdb's own key encodings do not bring every string back; bytes are always themselves.
const keyBytes = (key: string) => Buffer.from(key, 'utf8');
const totalKey = keyBytes('total');

function encode(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

const decode = (bytes: Buffer | undefined) => bytes?.readBigInt64BE();

/** The sum of all numbers, and how many there are. */
interface Totals {
  readonly total: bigint;
  readonly count: number;
}

function encodeTotals({ total, count }: Totals): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeBigInt64BE(total);
  bytes.writeDoubleBE(count, 8);
  return bytes;
}

const decodeTotals = (bytes: Buffer): Totals => ({
  total: bytes.readBigInt64BE(),
  count: bytes.readDoubleBE(8),
});

const fitsInt64 = (value: bigint) => BigInt.asIntN(64, value) === value;

type StoreConfig = Pick<
  Config,
  'dataDir' | 'durability' | 'keysMax' | 'idempotencyKeysMax' | 'idempotencyHours'
>;

/**
 * Opens the numbers in `<dataDir>/numbers`, an LMDB environment that is made if missing.
 *
 * A number and the total change in one transaction. Transactions that arrive together are
 * committed together (group commit), with one sync for all of them.
 *
 * `memory` does what `os` does: LMDB's writes to a memory map saved some percent of the time of a
 * set, and a full disk then killed the process. Throws StartError for a damaged file.
 */
export async function openNumberStore({
  dataDir,
  durability,
  keysMax,
  ...limits
}: StoreConfig): Promise<NumberStore> {
  const folder = path.join(dataDir, 'numbers');
  await refuseDamagedFile(folder);
  await makeLmdbFiles(folder, durability === 'fsync');
  process.on('unhandledRejection', ignoreFailedCommit);
  const environment = open({
    path: folder,
    maxDbs: 8,
    // With it, a promise means visible; without, flushed.
    overlappingSync: false,
    noSync: durability !== 'fsync',
  });
  const values = environment.openDB<Buffer, Buffer>('values', {
    keyEncoding: 'binary',
    encoding: 'binary',
  });
  const sums = environment.openDB<Buffer, Buffer>('sums', {
    keyEncoding: 'binary',
    encoding: 'binary',
  });

  // LMDB syncs its file, but not the name of a file that it has just made.
  if (durability === 'fsync') for (const made of [folder, dataDir]) await syncPath(made);

  const transactions = transactionsOf(
    environment,
    folder,
    (code) =>
      `the numbers are stopped: a commit could not be written to the disk (${code}): once the disk ` +
      'is well, restart the server; then each change is there as a whole or not at all',
  );
  const remembered = openRememberedKeys<RememberedSet>(environment, limits);
  const totals = (): Totals => decodeTotals(sums.get(totalKey) as Buffer);
  // The total of older data has no count beside it; LMDB's own takes time at every call.
  const stored = sums.get(totalKey);
  if (stored === undefined || stored.length < 16) {
    const { entryCount: count } = values.getStats() as { readonly entryCount: number };
    const first = encodeTotals({ total: decode(stored) ?? 0n, count });
    await transactions.run(() => void sums.put(totalKey, first));
  }

  function setInTransaction(key: Buffer, value: bigint): SetResult {
    const before = decode(values.get(key));
    const { total, count } = totals();
    if (before === undefined && count >= keysMax) return { outcome: 'too many numbers' };
    const after = total - (before ?? 0n) + value;
    if (!fitsInt64(after)) return { outcome: 'past int64' };
    values.put(key, encode(value));
    sums.put(
      totalKey,
      encodeTotals({ total: after, count: before === undefined ? count + 1 : count }),
    );
    return { outcome: after };
  }

  function setOnceInTransaction(key: Buffer, value: bigint, idempotencyKey: string): SetResult {
    const digest = digestOf(key, value);
    const before = remembered.get(idempotencyKey);
    if (before !== undefined) {
      const [digestBefore, total] = before;
      if (!digest.equals(digestBefore)) return { outcome: 'key of another set' };
      return { outcome: total ?? 'past int64', isReplay: true };
    }
    const result = setInTransaction(key, value);
    const { outcome } = result;
    // Room for a number may come with another limit, so that refusal is not for good.
    if (outcome === 'too many numbers') return result;
    remembered.put(
      idempotencyKey,
      [digest, typeof outcome === 'bigint' ? outcome : null],
      Date.now(),
    );
    return result;
  }

  return {
    set: (key, value, idempotencyKey) =>
      transactions.run(() =>
        idempotencyKey === undefined
          ? setInTransaction(keyBytes(key), value)
          : setOnceInTransaction(keyBytes(key), value, idempotencyKey),
      ),
    get(key) {
      transactions.throwIfStopped();
      return decode(values.get(keyBytes(key)));
    },
    async close() {
      await environment.close();
      process.off('unhandledRejection', ignoreFailedCommit);
    },
  };
}

async function refuseDamagedFile(folder: string): Promise<void> {
  const file = lmdbDataFile(folder);
  const fault = await lmdbFault(file);
  if (fault === undefined) return;
  throw new StartError(
    `The numbers cannot be opened, because ${file} is damaged: ${fault}. Restore that file from a ` +
      `backup, or move the folder ${folder} away to start without numbers. Nothing was changed.`,
  );
}

/** The first half of a SHA-256 tells any two requests apart. */
const digestBytes = 16;

function digestOf(key: Buffer, value: bigint): Buffer {
  return createHash('sha256').update(key).update(encode(value)).digest().subarray(0, digestBytes);
}
