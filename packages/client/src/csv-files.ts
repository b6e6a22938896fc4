import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { CommandError, exitCodes } from './exit-codes.js';
import { userPath } from './user-path.js';

/** A file as the user named it, and where it is. */
export interface CsvFile {
  readonly name: string;
  readonly path: string;
}

/**
 * Finds the files that the user named.
 *
 * Throws CommandError (wrong usage) at the first that is missing, a folder or not readable.
 */
export async function findCsvFiles(names: readonly string[]): Promise<CsvFile[]> {
  const files = names.map((name) => ({ name, path: userPath(name) }));
  for (const file of files) await checkReadable(file);
  return files;
}

async function checkReadable({ name, path }: CsvFile): Promise<void> {
  let isFolder: boolean;
  try {
    await access(path, constants.R_OK);
    isFolder = (await stat(path)).isDirectory();
  } catch (error) {
    throw unreadable(name, error);
  }
  if (isFolder) {
    throw new CommandError(
      `${name} is a folder: upload takes the CSV files themselves.`,
      exitCodes.wrongUsage,
    );
  }
}

/** Returns the file's bytes. Throws CommandError (wrong usage) if it cannot be read. */
export async function readCsvFile({ name, path }: CsvFile): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw unreadable(name, error);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of its path is not a folder',
  EACCES: 'you have no permission to read it',
  ERR_FS_FILE_TOO_LARGE: 'one upload takes a file of at most 2 GiB, and the server less',
};

function unreadable(name: string, cause: unknown): CommandError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reason = reasons[code] ?? String(cause);
  return new CommandError(`Cannot read ${name}: ${reason}.`, exitCodes.wrongUsage, { cause });
}
