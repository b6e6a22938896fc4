import { type DataFolderLock, DataFolderLockError, lockDataFolder } from '../data-folder-lock.js';
import { VerifyError } from './verify-error.js';

/**
 * Runs `work` on a data folder that nobody else uses meanwhile.
 *
 * Throws VerifyError while a server uses it.
 */
export async function withSoleUse<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  const lock = await lockUnlessReadOnly(dataDir);
  try {
    return await work();
  } finally {
    await lock?.release();
  }
}

/** The lock; undefined on a disk that cannot be written to, where no server can run either. */
async function lockUnlessReadOnly(dataDir: string): Promise<DataFolderLock | undefined> {
  try {
    return await lockDataFolder(dataDir);
  } catch (error) {
    if (error instanceof DataFolderLockError)
      throw new VerifyError(error.message, { cause: error });
    if ((error as NodeJS.ErrnoException).code === 'EROFS') return undefined;
    throw error;
  }
}
