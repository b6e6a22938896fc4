import type { Dirent } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { CommandError, exitCodes } from './exit-codes.js';

/** The folders that a server, or a repair, keeps in its data folder. */
const kept: readonly string[] = ['numbers', 'quarantine', 'tables', 'tmp'];
/** The file whose lock a server holds while it runs; it stays. */
const lockFile = 'lock';
/** Say which format the data has, and that a restore was cut off; they go with it. */
const formatFiles: readonly string[] = ['format.json', 'format.json.new', 'restore-in-progress'];

/**
 * Returns which of a server's own folders the data folder has; none if it is missing.
 *
 * Throws CommandError (wrong usage) if it holds anything else: then it is hardly a data folder.
 */
export async function storedFolders(dataDir: string): Promise<string[]> {
  const entries = (await readFolder(dataDir)).filter(
    (entry) => !(entry.isFile() && [lockFile, ...formatFiles].includes(entry.name)),
  );
  const foreign = entries
    .filter((entry) => !entry.isDirectory() || !kept.includes(entry.name))
    .map((entry) => entry.name);
  if (foreign.length > 0) {
    throw new CommandError(
      `${dataDir} holds ${foreign.slice(0, 3).join(', ')}${foreign.length > 3 ? ', …' : ''}, and ` +
        `Tally keeps only the folders ${kept.join(', ')} there: is it the right folder? Nothing was deleted.`,
      exitCodes.wrongUsage,
    );
  }
  return entries.map((entry) => entry.name);
}

/**
 * Deletes the named folders, and all that they hold, from the data folder.
 *
 * Throws CommandError (wrong usage), with nothing deleted, while a server uses the data.
 */
export async function deleteFolders(dataDir: string, names: readonly string[]): Promise<void> {
  const lock = await lockFolder(dataDir);
  try {
    for (const name of names) await rm(path.join(dataDir, name), { recursive: true });
    for (const name of formatFiles) await rm(path.join(dataDir, name), { force: true });
  } finally {
    await lock.release();
  }
}

async function lockFolder(dataDir: string) {
  // Here, because it loads native code, which no other command needs.
  const { DataFolderLockError, lockDataFolder } = await import('@tally/server/data-folder-lock');
  try {
    return await lockDataFolder(dataDir);
  } catch (error) {
    if (!(error instanceof DataFolderLockError)) throw error;
    throw new CommandError(`${error.message} Nothing was deleted.`, exitCodes.wrongUsage, {
      cause: error,
    });
  }
}

async function readFolder(dataDir: string): Promise<Dirent[]> {
  try {
    return await readdir(dataDir, { withFileTypes: true });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return [];
    throw new CommandError(
      code === 'ENOTDIR'
        ? `${dataDir} is not a folder.`
        : `Cannot read the folder ${dataDir}: ${String(error)}.`,
      exitCodes.wrongUsage,
      { cause: error },
    );
  }
}
