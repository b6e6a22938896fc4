import { constants, createReadStream, type Stats } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { CommandError, exitCodes } from './exit-codes.js';
import { userPath } from './user-path.js';

/** A file as the user named it, and where it is. */
export interface CsvFile {
  readonly name: string;
  readonly path: string;
  /** Its size; undefined of what has none before it is read, such as a pipe. */
  readonly bytes: number | undefined;
}

/**
 * Finds the files that the user named.
 *
 * Throws CommandError (wrong usage) at the first that is missing, a folder or not readable.
 */
export async function findCsvFiles(names: readonly string[]): Promise<CsvFile[]> {
  const files: CsvFile[] = [];
  for (const name of names) files.push(await findCsvFile(name));
  return files;
}

async function findCsvFile(name: string): Promise<CsvFile> {
  const path = userPath(name);
  let found: Stats;
  try {
    await access(path, constants.R_OK);
    found = await stat(path);
  } catch (error) {
    throw unreadable(name, error);
  }
  if (found.isDirectory()) {
    throw new CommandError(
      `${name} is a folder: upload takes the CSV files themselves.`,
      exitCodes.wrongUsage,
    );
  }
  return { name, path, bytes: found.isFile() ? found.size : undefined };
}

/** Returns the file's bytes. Throws CommandError (wrong usage) if it cannot be read. */
export async function readCsvFile({ name, path }: CsvFile): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** Below the smallest size to which a server can limit messages, 64 KiB. */
const pieceBytes = 60 * 1024;

/** The file's bytes, each piece read when it is asked for. Throws as readCsvFile does. */
export async function* csvFilePieces({ name, path }: CsvFile): AsyncGenerator<Uint8Array> {
  const pieces = createReadStream(path, { highWaterMark: pieceBytes });
  try {
    yield* pieces;
  } catch (error) {
    throw unreadable(name, error);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of its path is not a folder',
  EACCES: 'you have no permission to read it',
};

function unreadable(name: string, cause: unknown): CommandError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reason = reasons[code] ?? String(cause);
  return new CommandError(`Cannot read ${name}: ${reason}.`, exitCodes.wrongUsage, { cause });
}
