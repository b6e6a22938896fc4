import { statfs } from 'node:fs/promises';
import { getSystemErrorName } from 'node:util';
import type { RootDatabase } from 'lmdb';
import { noteSync, type Synced } from './sync-time.js';

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
async function commitFailure(error: unknown, folder: string): Promise<unknown> {
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

/** Environments that are open: any number of them share one listener. */
let environments = 0;

/**
 * Keeps failed commits from ending the process while an environment is open; the result ends that.
 *
 * For a failed commit lmdb also rejects a promise of its own that no caller ever sees.
 */
export function ignoreFailedCommits(): () => void {
  if (environments++ === 0) process.on('unhandledRejection', ignoreFailedCommit);
  return () => {
    if (--environments === 0) process.off('unhandledRejection', ignoreFailedCommit);
  };
}

function ignoreFailedCommit(error: unknown): void {
  if (!isFailedCommit(error)) throw error;
}

/** LMDB has failed for good: nothing can be read or written until it is opened again. */
export class StoppedError extends Error {}

/** Transactions of the environment in one folder that all end, whatever becomes of it. */
export interface Transactions {
  /** Rejects with the system's reason, nothing changed; or with StoppedError, and who knows. */
  run<T>(work: () => T): Promise<T>;
  /** Throws StoppedError once the environment has failed for good. */
  throwIfStopped(): void;
}

/**
 * A commit whose last page cannot be written leaves the environment unusable (MDB_PANIC), and
 * lmdb then never settles the transactions that wait or come. These do: `stoppedBecause` makes
 * the sentence for them from the code of the failure. `synced`: what the times of commits are noted
 * of, if each of them is a sync.
 */
export function transactionsOf(
  environment: RootDatabase,
  folder: string,
  stoppedBecause: (code: string) => string,
  synced: Synced | undefined,
): Transactions {
  const unsettled = new Set<(error: unknown) => void>();
  let stopped: StoppedError | undefined;
  // The transactions of one commit end in one turn.
  let beganMs = 0;
  let isNoted = false;

  function committed(): void {
    if (synced === undefined || isNoted) return;
    noteSync(synced, beganMs);
    isNoted = true;
    setImmediate(() => {
      isNoted = false;
    });
    // Those that wait are committed next.
    beganMs = performance.now();
  }

  async function onFailure(error: unknown, reject: (error: unknown) => void): Promise<void> {
    const failure = await commitFailure(error, folder);
    if (stopped === undefined && isUsable(environment)) return reject(failure);
    const { code } = failure as NodeJS.ErrnoException;
    stopped ??= new StoppedError(stoppedBecause(String(code)), { cause: failure });
    for (const rejectOther of unsettled) rejectOther(stopped);
    unsettled.clear();
  }

  return {
    run: (work) =>
      new Promise((resolve, reject) => {
        if (stopped !== undefined) throw stopped;
        if (unsettled.size === 0) beganMs = performance.now();
        unsettled.add(reject);
        environment.transaction(work).then(
          (result) => {
            committed();
            unsettled.delete(reject);
            resolve(result);
          },
          (error) => onFailure(error, reject).finally(() => unsettled.delete(reject)),
        );
      }),
    throwIfStopped() {
      if (stopped !== undefined) throw stopped;
    },
  };
}

function isUsable(environment: RootDatabase): boolean {
  try {
    // A snapshot that is open already can still be read.
    environment.resetReadTxn();
    environment.get(Buffer.from('any'));
    return true;
  } catch {
    return false;
  }
}
