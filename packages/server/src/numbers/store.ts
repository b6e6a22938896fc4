import path from 'node:path';
import { open } from 'lmdb';
import type { Durability } from '../config.js';
import { ignoreFailedCommit, transactionsOf } from '../lmdb-failure.js';
import { prepareLmdbFile } from '../lmdb-file.js';
import { syncPath } from '../sync-path.js';

/** Named 64-bit integers and their sum, on disk. */
export interface NumberStore {
  /**
   * Sets a number and resolves to the sum of all numbers after it, once the change is durable.
   *
   * Resolves to undefined, with nothing changed, when the sum would not fit into int64. Rejects with
   * StoppedError when only a restart can tell whether it was changed; then `get` throws it, too.
   */
  set(key: string, value: bigint): Promise<bigint | undefined>;
  /** The number called `key`; undefined if there is none. Sees every set that has resolved. */
  get(key: string): bigint | undefined;
  close(): Promise<void>;
}

// lmdb's own key encodings do not bring every string back; bytes are always themselves.
const keyBytes = (key: string) => Buffer.from(key, 'utf8');
const totalKey = keyBytes('total');

function encode(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

const decode = (bytes: Buffer | undefined) => bytes?.readBigInt64BE();
const fitsInt64 = (value: bigint) => BigInt.asIntN(64, value) === value;

/**
 * Opens the numbers in `<dataDir>/numbers`, an LMDB environment that is made if missing.
 *
 * A number and the total change in one transaction. Transactions that arrive together are
 * committed together (group commit), with one sync for all of them.
 */
export async function openNumberStore(
  dataDir: string,
  durability: Durability,
): Promise<NumberStore> {
  const folder = path.join(dataDir, 'numbers');
  prepareLmdbFile(folder, false);
  const environment = open({
    path: folder,
    maxDbs: 4,
    // With it, a promise means visible; without, flushed.
    overlappingSync: false,
    noSync: durability !== 'fsync',
    // Writes go to shared memory without a system call: a crash may leave half of one.
    useWritemap: durability === 'memory',
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

  function setInTransaction(key: Buffer, value: bigint): bigint | undefined {
    const before = decode(values.get(key)) ?? 0n;
    const total = (decode(sums.get(totalKey)) ?? 0n) - before + value;
    if (!fitsInt64(total)) return undefined;
    values.put(key, encode(value));
    sums.put(totalKey, encode(total));
    return total;
  }

  const transactions = transactionsOf(
    environment,
    (code) =>
      `the numbers are stopped: a commit could not be written to the disk (${code}): once the disk ` +
      'is well, restart the server; then each change is there as a whole or not at all',
  );
  process.on('unhandledRejection', ignoreFailedCommit);
  return {
    set: (key, value) => transactions.run(() => setInTransaction(keyBytes(key), value)),
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
