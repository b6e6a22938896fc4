import { link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import type { FileWriter } from '@tally/server/backup';
import type { AdminServiceClient, BackedUpFile, BackupResponse, BackupSummary } from '@tally/stubs';
import type { DeadlineOptions } from 'nice-grpc-client-middleware-deadline';
import { type CallDefaults, type CallOptions, readRepetition } from './call-options.js';
import { repeatedStream } from './repeated-call.js';
import { TallyError } from './tally-error.js';

/** What can be said of a backup. */
export interface BackupOptions extends CallOptions {
  /** Fetches every file, also those that the newest backup in the folder has; default: false. */
  readonly full?: boolean | undefined;
  /** Told how many bytes of how many are there, those of the earlier backup among them. */
  readonly onProgress?: ((bytes: number, bytesMax: number) => void) | undefined;
}

/** A backup that was made. */
export interface Backup {
  /** Its folder. */
  readonly folder: string;
  /** The moment that the data is of. */
  readonly taken: Date;
  readonly files: number;
  readonly bytes: number;
  /** How many bytes of them the server has sent; the others are an earlier backup's, too. */
  readonly bytesSent: number;
  /** The folder of that one; undefined if there is none. */
  readonly upon: string | undefined;
  /** The tables with their chunks and rows; none if the server does not serve tables. */
  readonly tables: readonly {
    readonly table: string;
    readonly chunks: number;
    readonly rows: number;
  }[];
  /** How many numbers there are; undefined if the server does not serve numbers. */
  readonly numbers: number | undefined;
}

/** What operators do with a server. */
export interface Admin {
  /**
   * Makes a backup of the server's data as it is now: a new folder in `folder`, called by its time.
   *
   * Files that the newest backup there has, and that never change, are the same files (hard links)
   * where the file system knows them. The new one has its name once it is on disk for good. Throws
   * TallyError; an Error of the system if it cannot be written.
   */
  backup(folder: string, options?: BackupOptions): Promise<Backup>;
}

/** The calls of an operator. */
export const adminCalls = (
  client: AdminServiceClient<DeadlineOptions>,
  defaults: CallDefaults,
): Admin => ({
  backup: (folder, options = {}) => backup(client, defaults, folder, options),
});

type BackupFormat = typeof import('@tally/server/backup');

async function backup(
  client: AdminServiceClient<DeadlineOptions>,
  defaults: CallDefaults,
  folder: string,
  options: BackupOptions,
): Promise<Backup> {
  // Here, because few programs make backups.
  const format = await import('@tally/server/backup');
  const { DataFolderLockError, lockDataFolder } = await import('@tally/server/data-folder-lock');
  const { makeFolders } = format;
  for (const made of await makeFolders(folder)) await sync(path.dirname(made));
  const names = await readdir(folder);
  for (const name of [format.manifestName, 'format.json']) {
    if (!names.includes(name)) continue;
    throw new format.BackupError(
      `${folder} is itself a backup, or the data of a server: name a folder for backups only.`,
    );
  }
  const lock = await lockDataFolder(folder).catch((error: unknown) => {
    if (!(error instanceof DataFolderLockError)) throw error;
    throw new format.BackupError(
      `${folder} cannot be locked: another backup is being written to it, or its file system knows no ` +
        'locks.',
      { cause: error },
    );
  });
  try {
    for (const name of names) {
      // What was cut off before.
      if (isBackupName(name, format.partialEnding))
        await rm(path.join(folder, name), { recursive: true });
    }
    const newest = options.full ? undefined : (await format.backupsIn(folder)).at(-1);
    const upon = newest && path.join(folder, newest);
    const call = openCall(client, defaults, options);
    try {
      return await receive(format, call, folder, upon, options);
    } finally {
      await call.close();
    }
  } finally {
    await lock.release();
  }
}

/** A call of Backup. */
interface BackupCall {
  next(): Promise<BackupResponse | undefined>;
  answer(wanted: readonly number[]): void;
  close(): Promise<void>;
}

function openCall(
  client: AdminServiceClient<DeadlineOptions>,
  defaults: CallDefaults,
  options: BackupOptions,
): BackupCall {
  let answers = new PassThrough({ objectMode: true });
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, ...(options.signal ? [options.signal] : [])]);
  // It takes as long as the disks do.
  const repetition = {
    ...readRepetition(defaults, options),
    deadlineMs: options.deadlineMs,
    signal,
  };
  const responses = repeatedStream(repetition, (call) => {
    answers = new PassThrough({ objectMode: true });
    return client.backup(answers, call);
  });
  return {
    async next() {
      const { value, done } = await responses.next();
      return done ? undefined : value;
    },
    answer: (wanted) => void answers.write({ wanted: [...wanted] }),
    async close() {
      answers.end();
      ended.abort();
      await responses.return().catch(() => {});
    },
  };
}

/** The name of a backup: its time in UTC, with no sign that a file system does not allow. */
const nameOf = (taken: Date) =>
  taken
    .toISOString()
    .replace(/[.][0-9]+Z$/, 'Z')
    .replaceAll(':', '-');

const isBackupName = (name: string, ending: string) =>
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}Z(-[0-9]+)?$/.test(
    name.slice(0, -ending.length),
  ) && name.endsWith(ending);

async function receive(
  format: BackupFormat,
  call: BackupCall,
  folder: string,
  upon: string | undefined,
  { onProgress = () => {} }: BackupOptions,
): Promise<Backup> {
  const { summary } = (await call.next()) ?? {};
  if (summary === undefined) throw malformed('it began without a summary');
  const taken = new Date(Number(summary.takenMs));
  const name = await freeName(folder, nameOf(taken));
  const partial = path.join(folder, name + format.partialEnding);
  await mkdir(partial, { mode: 0o700 });
  try {
    const result = await fill(format, call, partial, summary, upon, onProgress);
    await rename(partial, path.join(folder, name));
    await sync(folder);
    return { folder: path.join(folder, name), taken, upon, ...result, ...contentOf(summary) };
  } catch (error) {
    // It may have filled the disk.
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    throw error;
  }
}

/** Writes all that a backup has; resolves once it is on disk for good. */
async function fill(
  format: BackupFormat,
  call: BackupCall,
  partial: string,
  summary: BackupSummary,
  upon: string | undefined,
  onProgress: (bytes: number, bytesMax: number) => void,
): Promise<Pick<Backup, 'bytes' | 'bytesSent'>> {
  const writer = format.createFileWriter(partial);
  const manifest = format.createManifest();
  const manifestFile = await open(path.join(partial, format.manifestName), 'wx', 0o600);
  let bytes = 0;
  let bytesSent = 0;
  const count = (more: number) => {
    bytes += more;
    onProgress(bytes, Number(summary.bytes));
  };
  try {
    const tables = summary.tables.map(({ table }) => table);
    if (!tables.every(format.isTableName)) throw malformed('it has a table of no name');
    const taken = new Date(Number(summary.takenMs)).toISOString();
    await manifestFile.write(manifest.head({ taken, tables }));
    for (const table of tables) await writer.makeTable(table);
    for (let response = await call.next(); response !== undefined; response = await call.next()) {
      if (response.batch === undefined) throw malformed('it has sent what was not asked for');
      const { files } = response.batch;
      const wanted: number[] = [];
      for (const [place, file] of files.entries()) {
        if (!format.isBackupPath(file.path)) {
          throw malformed(`it has named the file ${JSON.stringify(file.path)}`);
        }
        const size = Number(file.size);
        if (await linkFrom(format, upon, file, writer)) count(size);
        else wanted.push(place);
      }
      call.answer(wanted);
      for (const place of wanted) {
        const { path, size, crc32c } = files[place] as BackedUpFile;
        await writer.write(
          { path, size: Number(size), crc32c },
          piecesOf(call, Number(size)),
          count,
        );
        bytesSent += Number(size);
      }
      const lines = files.map((file) => manifest.file({ ...file, size: Number(file.size) }));
      await manifestFile.write(lines.join(''));
    }
    if (bytes !== Number(summary.bytes)) throw malformed('it has ended early');
    await manifestFile.write(manifest.end());
    await manifestFile.sync();
    await writer.finish();
  } finally {
    await manifestFile.close();
  }
  await sync(partial);
  return { bytes, bytesSent };
}

/** The bytes of one file; the ones that come belong to no other. */
async function* piecesOf(call: BackupCall, size: number): AsyncGenerator<Uint8Array> {
  for (let left = size; left > 0; ) {
    const { data } = (await call.next()) ?? {};
    if (data === undefined || data.length > left) throw malformed('it has ended early');
    left -= data.length;
    yield data;
  }
}

/**
 * Takes a file over from an earlier backup, if that has it as the server has it, and the file system
 * allows: a byte that has changed there is not handed on from backup to backup.
 */
async function linkFrom(
  { readChecksum }: BackupFormat,
  upon: string | undefined,
  { path: name, size, crc32c, isImmutable }: BackedUpFile,
  writer: FileWriter,
): Promise<boolean> {
  if (upon === undefined || !isImmutable) return false;
  const from = path.join(upon, ...name.split('/'));
  const stats = await stat(from).catch(() => undefined);
  if (stats?.size !== Number(size)) return false;
  const found = await readChecksum(from).catch(() => undefined);
  if (found?.crc32c !== crc32c) return false;
  return link(from, await writer.makeFolderOf(name)).then(
    () => true,
    () => false,
  );
}

async function freeName(folder: string, name: string): Promise<string> {
  const names = await readdir(folder);
  for (let i = 1; ; i++) {
    const free = i === 1 ? name : `${name}-${i}`;
    if (!names.includes(free)) return free;
  }
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

const contentOf = ({ files, tables, numbers }: BackupSummary) => ({
  files: Number(files),
  numbers: numbers === undefined ? undefined : Number(numbers),
  tables: tables.map(({ table, chunks, rows }) => ({
    table,
    chunks: Number(chunks),
    rows: Number(rows),
  })),
});

const malformed = (what: string) =>
  new TallyError({
    code: 'INTERNAL',
    sentence: `the server's answer is not a backup: ${what}`,
    method: '/tally.v1.AdminService/Backup',
  });
