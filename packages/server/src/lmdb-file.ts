import { constants, type FileHandle, open as openFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { open } from 'lmdb';
import { missingPage, noPage, pageFlags, pageHeaderBytes } from './lmdb-tree.js';
import { makeFolders } from './make-folders.js';
import { syncPath } from './sync-path.js';

// The layout is that of lmdb 3.5.6's mdb.c (MDB_page_header, MDB_meta, MDB_db), on 64 bits.

/** The file with the data in the folder of an LMDB environment. */
export const lmdbDataFile = (folder: string) => path.join(folder, 'data.mdb');

/**
 * What is wrong with an LMDB file, so that it must not be opened: LMDB reads through a memory map,
 * and dies of a page that is not there. Undefined if it is sound as far as its headers, its length
 * and the roots of its trees say, or if it is missing.
 */
export async function lmdbFault(file: string): Promise<string | undefined> {
  const stats = await stat(file).catch((error: NodeJS.ErrnoException) => {
    // A file in the place of its folder is told of by who makes that.
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (stats === undefined) return undefined;
  if (!stats.isFile()) return 'it is not a file';
  if (stats.size === 0) return 'it is empty';
  const handle = await openFile(file, 'r');
  try {
    return await contentFault(handle, stats.size);
  } finally {
    await handle.close();
  }
}

const magic = 0xbeefc0de;
const formatVersion = 2;
const pageBytesMin = 512;
const pageBytesMax = 65_536;
const metaBytes = pageHeaderBytes + 144;
/** One of the two headers, which transactions write in turn. */
interface Meta {
  readonly version: number;
  readonly pageBytes: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
  /** Of the free pages' tree, and of the data's. */
  readonly roots: readonly bigint[];
}

async function contentFault(handle: FileHandle, size: number): Promise<string | undefined> {
  const first = await readMeta(handle, 0);
  if (first === undefined) return 'it does not begin as a file of LMDB does';
  const { version, pageBytes } = first;
  if (version !== formatVersion) {
    return `its format is version ${version} of LMDB's, and only ${formatVersion} can be read`;
  }
  if (pageBytes < pageBytesMin || pageBytes > pageBytesMax || !isPowerOf2(pageBytes)) {
    return `its header says that a page has ${pageBytes} bytes`;
  }
  const second = await readMeta(handle, pageBytes);
  if (second === undefined) return 'its second header is missing or damaged';
  const newest = second.transaction > first.transaction ? second : first;
  if (BigInt(size) < (newest.lastPage + 1n) * BigInt(pageBytes)) {
    // LMDB does not write pages at the end that a transaction took and gave back.
    const missing = await missingPage(handle, size, pageBytes, newest.roots);
    if (missing !== undefined)
      return `it has ${size} bytes, and its page ${missing} is not in them`;
  }
  for (const root of newest.roots) {
    if (root !== noPage && !(await isTreePage(handle, root, newest))) {
      return `its page ${root}, the root of a tree, is damaged`;
    }
  }
  return undefined;
}

const isPowerOf2 = (n: number) => (n & (n - 1)) === 0;

async function readMeta(handle: FileHandle, position: number): Promise<Meta | undefined> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(metaBytes), 0, metaBytes, position);
  if (bytesRead < metaBytes || (buffer.readUInt16LE(18) & pageFlags.meta) === 0) return undefined;
  if (buffer.readUInt32LE(24) !== magic) return undefined;
  return {
    version: buffer.readUInt32LE(28) & 0xffff,
    pageBytes: buffer.readUInt32LE(48),
    roots: [buffer.readBigUInt64LE(88), buffer.readBigUInt64LE(136)],
    lastPage: buffer.readBigUInt64LE(144),
    transaction: buffer.readBigUInt64LE(152),
  };
}

async function isTreePage(
  handle: FileHandle,
  page: bigint,
  { lastPage, pageBytes }: Meta,
): Promise<boolean> {
  if (page > lastPage) return false;
  const header = Buffer.alloc(pageHeaderBytes);
  await handle.read(header, 0, pageHeaderBytes, Number(page) * pageBytes);
  const isNode = (header.readUInt16LE(18) & (pageFlags.branch | pageFlags.leaf)) !== 0;
  return isNode && header.readBigUInt64LE(0) === page;
}

/** Where a new file is made: it is there as long as the file has no name. */
export const lmdbStaging = (folder: string) => path.join(folder, 'new');

/**
 * Makes the folder and the files of an LMDB environment if they are missing; call it before LMDB
 * opens them, with the data folder locked.
 *
 * A new data file gets its name when it is complete, so that an empty one is a damaged one.
 */
export async function makeLmdbFiles(folder: string, sync: boolean): Promise<void> {
  await makeFolders(folder);
  await allocateLockFile(path.join(folder, 'lock.mdb'));
  const file = lmdbDataFile(folder);
  if ((await stat(file).catch(() => undefined)) !== undefined) return;
  const staging = lmdbStaging(folder);
  await rm(staging, { recursive: true, force: true });
  await open({ path: staging, overlappingSync: false }).close();
  if (sync) await syncPath(lmdbDataFile(staging));
  await rename(lmdbDataFile(staging), file);
  await rm(staging, { recursive: true });
}

/** At least what lmdb uses for 126 readers, 8,272 bytes. */
const lockFileBytes = 12_288;

/**
 * Gives LMDB's table of readers its room on the disk: it is written through a memory map, and on a
 * full disk the process would die of a page that has none. LMDB begins a new one at each start.
 */
async function allocateLockFile(file: string): Promise<void> {
  // Not emptied first: on a full disk it could not be written again.
  const handle = await openFile(file, constants.O_RDWR | constants.O_CREAT, 0o664);
  try {
    await handle.writeFile(Buffer.alloc(lockFileBytes));
  } finally {
    await handle.close();
  }
}
