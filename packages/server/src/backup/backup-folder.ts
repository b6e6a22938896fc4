import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { crc32c } from '@node-rs/crc32';
import { isTableName } from '../tables/files.js';

/** The file that lists what a backup has, a JSON object a line: a head, a line for each file, an end. */
export const manifestName = 'manifest.jsonl';

/** What backups are called while they are being made. */
export const partialEnding = '.partial';

/** The backup, or what was to be one, cannot be used; the message is a sentence. */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

/** A file of a backup. */
export interface ManifestFile {
  /** Below the backup's folder, with / between names. */
  readonly path: string;
  readonly size: number;
  readonly crc32c: number;
}

/** The first line of a manifest. */
export interface ManifestHead {
  /** The format of the manifest. */
  readonly backup: 1;
  /** The moment that the data is of, ISO 8601 in UTC. */
  readonly taken: string;
  /** The names of all tables: one without a chunk has no file. */
  readonly tables: readonly string[];
}

/** The last line: how much there is, and CRC32C of the lines before. */
export interface ManifestEnd {
  readonly files: number;
  readonly bytes: number;
  readonly crc32c: number;
}

/** Makes the lines of a manifest, in their order. */
export function createManifest() {
  let files = 0;
  let bytes = 0;
  let checksum = 0;
  const line = (value: object) => {
    const text = `${JSON.stringify(value)}\n`;
    checksum = crc32c(text, checksum);
    return text;
  };
  return {
    head: (head: Omit<ManifestHead, 'backup'>): string =>
      line({ backup: 1, ...head } satisfies ManifestHead),
    file({ path, size, crc32c }: ManifestFile): string {
      files++;
      bytes += size;
      return line({ path, size, crc32c });
    },
    end: (): string => line({ files, bytes, crc32c: checksum } satisfies ManifestEnd),
  };
}

/** Reads the manifest of a backup twice: to see that it is whole, and then file by file. */
export async function readManifest(backup: string) {
  const file = path.join(backup, manifestName);
  let head: ManifestHead | undefined;
  let end: ManifestEnd | undefined;
  let checksum = 0;
  let checksumBefore = 0;
  for await (const line of linesOf(file)) {
    if (end !== undefined) break;
    checksumBefore = checksum;
    checksum = crc32c(`${line}\n`, checksum);
    const value = parsed(line, file);
    if (head === undefined) head = value as ManifestHead;
    else if (!('path' in value)) end = value as ManifestEnd;
  }
  if (!isHead(head)) {
    throw new BackupError(`${file} is not a manifest that this version of Tally knows.`);
  }
  if (end === undefined || end.crc32c !== checksumBefore) {
    throw new BackupError(`${file} is damaged: its checksum is wrong. Use another backup.`);
  }
  async function* files(): AsyncGenerator<ManifestFile> {
    for await (const line of linesOf(file)) {
      const value = parsed(line, file);
      if ('path' in value) yield checkedFile(value as ManifestFile, file);
    }
  }
  return { head, end, files };
}

function isHead(head: ManifestHead | undefined): head is ManifestHead {
  return (
    head?.backup === 1 &&
    !Number.isNaN(Date.parse(head.taken)) &&
    Array.isArray(head.tables) &&
    head.tables.every((name) => typeof name === 'string' && isTableName(name))
  );
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = createReadStream(file);
  try {
    yield* createInterface({ input });
  } finally {
    input.destroy();
  }
}

function parsed(line: string, file: string): object {
  try {
    const value = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told of below.
  }
  throw new BackupError(`${file} is damaged: a line of it is no JSON object. Use another backup.`);
}

function checkedFile(found: ManifestFile, file: string): ManifestFile {
  if (isBackupPath(found.path)) return found;
  throw new BackupError(`${file} names ${JSON.stringify(found.path)}, which no backup has.`);
}

/** Whether a path is one that a file of a backup can have: it leads nowhere but into the backup. */
export const isBackupPath = (name: string) =>
  /^(format\.json|numbers\/data\.mdb|tables\/[a-z0-9][a-z0-9_-]{0,63}\/(csv|delta\/parquet|delta\/_delta_log)\/[A-Za-z0-9_-][A-Za-z0-9._-]*)$/.test(
    name,
  );

/** Whether a folder is a backup that is complete. */
export const isBackup = (folder: string) =>
  !folder.endsWith(partialEnding) &&
  stat(path.join(folder, manifestName)).then(
    () => true,
    () => false,
  );

/** The names of the backups in a folder that are complete, the oldest first; none if it is missing. */
export async function backupsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const found: { readonly name: string; readonly taken: string }[] = [];
  for (const name of names) {
    const taken = await takenOf(path.join(folder, name));
    if (taken !== undefined) found.push({ name, taken });
  }
  // By what they say, as they may have been called otherwise.
  const order = (a: string, b: string) => Number(a > b) - Number(a < b);
  found.sort((a, b) => order(a.taken, b.taken) || order(a.name, b.name));
  return found.map(({ name }) => name);
}

/** When a backup was taken, ISO 8601 in UTC; undefined if it is none, or its manifest begins with no head. */
async function takenOf(backup: string): Promise<string | undefined> {
  if (!(await isBackup(backup))) return undefined;
  const file = path.join(backup, manifestName);
  for await (const line of linesOf(file)) {
    try {
      const head = JSON.parse(line);
      return isHead(head) ? head.taken : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** The backup that a path names: itself, or the newest one in it. Throws BackupError. */
export async function backupAt(folder: string): Promise<string> {
  if (await isBackup(folder)) return folder;
  const newest = (await backupsIn(folder)).at(-1);
  if (newest !== undefined) return path.join(folder, newest);
  throw new BackupError(
    `${folder} is no complete backup, and none is in it: tally backup makes one.`,
  );
}
