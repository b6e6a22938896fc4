import { constants, type Stats } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { glob, isDynamicPattern } from 'tinyglobby';
import { CommandError, exitCodes } from './exit-codes.js';
import { userFolder, userPath } from './options/user-path.js';

/** A file as the user named it, and where it is. */
export interface CsvFile {
  readonly name: string;
  /** Its path; undefined of standard input. */
  readonly path: string | undefined;
  /** Its size; undefined of what has none before it is read, such as a pipe. */
  readonly bytes: number | undefined;
}

/**
 * Finds the files that the user named: paths, patterns such as `data/*.csv`, and `-` for standard input.
 *
 * Throws CommandError (wrong usage) at the first that is missing, a folder or not readable, and at a
 * pattern that no file matches.
 */
export async function findCsvFiles(names: readonly string[]): Promise<CsvFile[]> {
  if (names.filter((name) => name === '-').length > 1) {
    throw new CommandError('Standard input (-) can be read once only.', exitCodes.wrongUsage);
  }
  const files: CsvFile[] = [];
  for (const name of names) {
    if (name === '-') files.push({ name: 'standard input', path: undefined, bytes: undefined });
    else for (const found of await matching(name)) files.push(await findCsvFile(found));
  }
  return files;
}

/** The name itself, or the names of the files that match it, sorted. */
async function matching(name: string): Promise<readonly string[]> {
  if (!isDynamicPattern(name) || (await exists(name))) return [name];
  const found = await glob(name, { cwd: userFolder(), expandDirectories: false });
  if (found.length === 0) {
    throw new CommandError(`No file matches ${name}.`, exitCodes.wrongUsage);
  }
  return found.toSorted();
}

// A file may well be called data[1].csv.
const exists = (name: string) =>
  access(userPath(name)).then(
    () => true,
    () => false,
  );

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

/** Returns the bytes of a file with a path. Throws CommandError (wrong usage) if it cannot be read. */
export async function readCsvFile({ name, path = '' }: CsvFile): Promise<Uint8Array> {
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
};

/** What reading a file has thrown, as a sentence. */
export function unreadable(name: string, cause: unknown): CommandError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reason = reasons[code] ?? String(cause);
  return new CommandError(`Cannot read ${name}: ${reason}.`, exitCodes.wrongUsage, { cause });
}
