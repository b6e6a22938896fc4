import { chmod, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { manifestName } from './backup/backup-folder.js';
import type { Config } from './config.js';
import { checkFormat, formatFileName, restoreMarkName } from './data-folder-format.js';
import { type DataFolderLock, lockDataFolder, lockFileName } from './data-folder-lock.js';
import { logger } from './logger.js';
import { makeFolders } from './make-folders.js';
import { StartError } from './start-error.js';
import { syncPath } from './sync-path.js';
import { emptySpool, spoolFolder } from './tables/files.js';

/** The folders that hold data: where one of them is, the folder is a data folder. */
const dataNames = ['numbers', 'tables'];
/** What else may be in a folder that has no data yet: a start that ended early, a volume's root. */
const emptyNames = [
  lockFileName,
  formatFileName,
  `${formatFileName}.new`,
  restoreMarkName,
  'tmp',
  'lost+found',
];

/**
 * Makes the data folder if it is missing, and locks it for this process; its format is known then, and
 * nobody but its owner may enter it. What a crash has left in its spool is removed. Throws StartError.
 */
export async function openDataFolder({
  dataDir,
  durability,
}: Pick<Config, 'dataDir' | 'durability'>): Promise<DataFolderLock> {
  const made = await makeFolders(dataDir);
  // A new name is on disk for good once the folder that holds it is synced.
  if (durability === 'fsync') for (const folder of made) await syncPath(path.dirname(folder));
  await refuseForeignFolder(dataDir);
  const lock = await lockDataFolder(dataDir);
  try {
    await checkFormat(dataDir, durability === 'fsync');
    await keepToOwner(dataDir);
    await emptySpool(spoolFolder(dataDir));
    return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Takes from everybody but the owner what rights they have to the folder. */
export async function keepToOwner(dataDir: string): Promise<void> {
  const { mode } = await stat(dataDir);
  if ((mode & 0o077) === 0) return;
  await chmod(dataDir, mode & 0o700).catch(({ code }: NodeJS.ErrnoException) => {
    logger.warn(
      `${dataDir} is open to other users of this machine, and cannot be closed to them (${code}): ` +
        'whoever may read it can read all data.',
    );
  });
}

/** Throws StartError for a folder with things of others in it and no data of Tally's, and for a backup. */
async function refuseForeignFolder(dataDir: string): Promise<void> {
  const names = await readdir(dataDir);
  if (names.includes(manifestName)) {
    throw new StartError(
      `${dataDir} is a backup, which a server would change: restore it into another folder, with ` +
        'tally restore. Nothing was changed.',
    );
  }
  if (names.some((name) => dataNames.includes(name))) return;
  // Hidden files are left in many folders by others than their owner.
  const foreign = names.filter((name) => !emptyNames.includes(name) && !name.startsWith('.'));
  if (foreign.length === 0) return;
  const shown = `${foreign.slice(0, 3).join(', ')}${foreign.length > 3 ? ', …' : ''}`;
  throw new StartError(
    `${dataDir} holds ${shown}, and no data of Tally's: is it the right folder? Choose an empty or ` +
      'a missing one with --data-dir. Nothing was changed.',
  );
}
