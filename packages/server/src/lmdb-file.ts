import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync } from 'node:fs';
import path from 'node:path';
import { StartError } from './start-error.js';

// Where LMDB 1.0 has what it needs in each of the first two pages of data.mdb, of which the later
// one by its transaction counts (struct MDB_meta in lmdb's mdb.c).
const pageBytes = 4096;
const magicAt = 24;
const transactionAt = 152;
const magic = 0xbeefc0de;
/** Far more than is written before the first commit; a larger file is never taken for unfinished. */
const unfinishedBytesMax = 64 * 1024;

/**
 * Makes sure that lmdb can open the environment in `folder`: where it cannot, it ends the process
 * with a segmentation fault. To be called before it is opened.
 *
 * A file whose making was cut short, by a full disk or a power loss, is removed: nothing was ever
 * committed to it. So is a damaged one that `canBeLost`. Throws StartError if another one is
 * damaged, and errors of the system if a file cannot be written to.
 */
export function prepareLmdbFile(folder: string, canBeLost: boolean): void {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'data.mdb');
  const state = stateOf(file);
  if (state === 'damaged' && !canBeLost) {
    throw new StartError(
      `${file} is damaged: one of its first two pages is not LMDB's. Restore the data from a backup.`,
    );
  }
  if (state !== 'whole') rmSync(file);
  closeSync(openSync(path.join(folder, 'lock.mdb'), 'a'));
}

function stateOf(file: string): 'whole' | 'unfinished' | 'damaged' {
  // Made if it is missing: LMDB fills an empty one.
  const fd = openSync(file, 'a+');
  try {
    const pages = Buffer.alloc(2 * pageBytes);
    const { size } = fstatSync(fd);
    if (size === 0) return 'whole';
    readSync(fd, pages, 0, pages.length, 0);
    const metas = [pages.subarray(0, pageBytes), pages.subarray(pageBytes)];
    const known = metas.filter((page) => page.readUInt32LE(magicAt) === magic);
    if (known.length === metas.length) return 'whole';
    // The first commit syncs both pages before it counts.
    const isCommitted = known.some((page) => page.readBigUInt64LE(transactionAt) > 0n);
    return isCommitted || size > unfinishedBytesMax ? 'damaged' : 'unfinished';
  } finally {
    closeSync(fd);
  }
}
