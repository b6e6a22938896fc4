import path from 'node:path';
import { open } from 'lmdb';
import type { Durability } from '../config.js';
import { commitFailure, ignoreFailedCommit } from '../lmdb-failure.js';
import { lmdbDataFile, lmdbFault, makeLmdbFiles } from '../lmdb-file.js';
import { StartError } from '../start-error.js';
import { syncPath } from '../sync-path.js';

/** Named 64-bit integers and their sum, on disk. */
export interface NumberStore {
  /**
   * Sets a number and resolves to the sum of all numbers after it, once the change is durable.
   *
   * Resolves to undefined, with nothing changed, when the sum would not fit into int64.
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
 *
 * `memory` does what `os` does: LMDB's writes to a memory map saved some percent of the time of a
 * set, and a full disk then killed the process. Throws StartError for a damaged file.
 */
export async function openNumberStore(
  dataDir: string,
  durability: Durability,
): Promise<NumberStore> {
  const folder = path.join(dataDir, 'numbers');
  await refuseDamagedFile(folder);
  await makeLmdbFiles(folder, durability === 'fsync');
  const environment = open({
    path: folder,
    maxDbs: 4,
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

  function setInTransaction(key: Buffer, value: bigint): bigint | undefined {
    const before = decode(values.get(key)) ?? 0n;
    const total = (decode(sums.get(totalKey)) ?? 0n) - before + value;
    if (!fitsInt64(total)) return undefined;
    values.put(key, encode(value));
    sums.put(totalKey, encode(total));
    return total;
  }

  process.on('unhandledRejection', ignoreFailedCommit);
  return {
    async set(key, value) {
      try {
        return await environment.transaction(() => setInTransaction(keyBytes(key), value));
      } catch (error) {
        throw await commitFailure(error, folder);
      }
    },
    get: (key) => decode(values.get(keyBytes(key))),
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
