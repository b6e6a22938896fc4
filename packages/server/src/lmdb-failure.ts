import { statfs } from 'node:fs/promises';
import { getSystemErrorName } from 'node:util';

/** What lmdb rejects with when a commit fails: the reason comes later, and its code is a number. */
interface FailedCommit extends Error {
  readonly commitError: Promise<never>;
}

const isFailedCommit = (error: unknown): error is FailedCommit =>
  error instanceof Error && 'commitError' in error;

/** A disk with less room than that is full: a page of LMDB and what a file system needs for it. */
const roomBytesMin = 64 * 1024;

/**
 * The reason for a failed commit to the environment in `folder`, with the code that Node gives a
 * failure of the system.
 */
export async function commitFailure(error: unknown, folder: string): Promise<unknown> {
  if (!isFailedCommit(error)) return error;
  const reason: { message: string; code: number } = await error.commitError.catch((why) => why);
  let code = reason.code > 0 ? getSystemErrorName(-reason.code) : reason.code;
  // LMDB says EIO when the system wrote a part only, which is how a disk becomes full.
  if (code === 'EIO' && (await isFull(folder))) code = 'ENOSPC';
  return Object.assign(new Error(`the commit failed: ${reason.message}`, { cause: error }), {
    code,
  });
}

async function isFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 1, bsize: roomBytesMin }));
  return bavail * bsize < roomBytesMin;
}

/**
 * For `unhandledRejection`: for a failed commit lmdb also rejects a promise of its own that no
 * caller ever sees, and that would end the process.
 */
export function ignoreFailedCommit(error: unknown): void {
  if (!isFailedCommit(error)) throw error;
}
