import { ftruncateSync, writeSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import extensions from 'fs-native-extensions';
import { StartError } from './start-error.js';

/** The right to use a data folder; no other process has it meanwhile. */
export interface DataFolderLock {
  /** Lets the folder go; the end of the process does so too, however it ends. */
  release(): Promise<void>;
}

/** The data folder cannot be had for oneself; the message is a sentence for the operator. */
export class DataFolderLockError extends StartError {}

/** The file in the data folder that is locked. What it holds only tells who has the lock. */
export const lockFileName = 'lock';

/** Who holds a lock, as its file says. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601, in UTC. */
  readonly since: string;
}

/**
 * Locks a data folder, which must exist, for this process.
 *
 * The lock is the operating system's, on the open file: it ends with the process, so a server that
 * was killed leaves nothing behind that could keep the next one out, and process ids, which
 * coincide in containers, decide nothing. The file stays for good: were it removed, a process that
 * has opened it already could lock it beside one that makes a new one.
 *
 * Throws DataFolderLockError if another process has the lock or the file system knows no locks; an
 * error of the system if the file cannot be opened.
 */
export async function lockDataFolder(dataDir: string): Promise<DataFolderLock> {
  const file = path.join(dataDir, lockFileName);
  const handle = await open(file, 'a+', 0o600);
  try {
    if (!tryLock(handle, dataDir)) throw await inUse(dataDir, file);
    writeHolder(handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { release: () => handle.close() };
}

function tryLock({ fd }: FileHandle, dataDir: string): boolean {
  try {
    return extensions.tryLock(fd);
  } catch (cause) {
    throw new DataFolderLockError(
      `The file system of ${dataDir} gives no locks (${(cause as NodeJS.ErrnoException).code}), so ` +
        'two servers could spoil the data there: choose a folder on another one with --data-dir.',
      { cause },
    );
  }
}

// Synchronous, so that a process that is refused hardly ever reads of the holder before.
function writeHolder({ fd }: FileHandle): void {
  const holder: Holder = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
  };
  try {
    ftruncateSync(fd);
    writeSync(fd, `${JSON.stringify(holder)}\n`);
  } catch {
    // It only informs, and a full disk can still be read from.
  }
}

async function inUse(dataDir: string, file: string): Promise<DataFolderLockError> {
  const holder = await readHolder(file);
  const who =
    holder === undefined
      ? 'another process'
      : `process ${holder.pid} on host ${holder.host}, since ${holder.since}`;
  return new DataFolderLockError(
    `The data folder ${dataDir} is in use by ${who}: stop it first, or choose another folder with ` +
      '--data-dir.',
  );
}

/** Who holds the lock; undefined if the file does not say. */
async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const holder: Holder = JSON.parse(await readFile(file, 'utf8'));
    return Number.isInteger(holder.pid) ? holder : undefined;
  } catch {
    return undefined;
  }
}
