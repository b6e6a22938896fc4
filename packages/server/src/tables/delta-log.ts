import { createHash, randomUUID } from 'node:crypto';
import { link, open, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ColumnType } from '@tally/kernels';
import { syncHandle } from '../sync-time.js';
import type { Checkpoints } from './checkpoints.js';
import { type TableFolders, writeNewFile } from './files.js';
import { ForeignLogError, fileOf, missingCommit, throwUncertain } from './log-errors.js';
import { checkCommitsBefore } from './log-gaps.js';
import type { ChunkColumn, TableField } from './schema.js';

// The actions and files of a Delta Lake table at reader version 1 and writer version 2
// (https://github.com/delta-io/delta/blob/master/PROTOCOL.md).

/** What makes it safe to repeat an upload. */
export interface UploadRetry {
  /** The client's name for the upload. */
  readonly key: string;
  /** Of the bytes that were uploaded: with their number, it tells another file. */
  readonly crc32c: number;
  /** Of a file that is not kept as it was sent. */
  readonly sent?: NormalisedUpload | undefined;
}

/** A file that was written anew in Tally's own form. */
export interface NormalisedUpload {
  readonly bytes: number;
  /** A digest of the options with which it was sent. */
  readonly options: string;
  /** How many of its rows were left out. */
  readonly rejectedRows: number;
}

/** A chunk as the log knows it. */
export interface LoggedChunk {
  /** Names the chunk's files: `<id>.csv` and `<id>.parquet`. */
  readonly id: string;
  readonly rows: number;
  readonly csvBytes: number;
  readonly parquetBytes: number;
  /** Undefined for a chunk that a version of Tally without checksums has added. */
  readonly checksums: FileChecksums | undefined;
  /** In the order of the CSV header. */
  readonly columns: readonly ChunkColumn[];
  /** Of an upload that had an idempotency key. */
  readonly retry?: UploadRetry | undefined;
}

/** CRC32C of a chunk's files, each taken before a disk had the bytes. */
export interface FileChecksums {
  readonly csvCrc32c: number;
  readonly parquetCrc32c: number;
}

/** A chunk that a commit has taken out of the table, with what it had. */
export interface RemovedChunk {
  readonly id: string;
  /** Counts from 1 in the order of the uploads. */
  readonly number: number;
  readonly rows: number;
  readonly csvBytes: number;
  readonly parquetBytes: number;
  /** The names of its columns. */
  readonly columns: readonly string[];
}

/** What one commit did to the table. */
export interface LogEntry {
  readonly version: number;
  /** The table's fields from this version on, if the commit changed them. */
  readonly fields?: readonly TableField[];
  readonly tableId?: string;
  /** The chunks that it added, in their order. */
  readonly chunks: readonly LoggedChunk[];
  /** The chunks that it took out. */
  readonly removed: readonly RemovedChunk[];
}

/** A commit that is in the log; its digest tells it from any other of the same version. */
export interface CommittedEntry extends LogEntry {
  /** In milliseconds since 1970, as the commit itself says; 0 if another engine's does not. */
  readonly committedMs: number;
  readonly digest: string;
}

export const chunkTag = 'tally.chunk';
const columnKey = 'tally.column';

/** A chunk's tag, as JSON. */
export interface StoredChunk {
  readonly id: string;
  readonly csvBytes: number;
  /** The name of each column, and of the field that holds it. */
  readonly columns: readonly (readonly [string, string | null])[];
  readonly csvCrc32c?: number;
  readonly parquetCrc32c?: number;
  readonly retry?: UploadRetry | undefined;
}

/** A chunk, and the commit that has added it. */
export interface ChunkPlace {
  readonly version: number;
  /** Counts from 1 in the order of the uploads. */
  readonly number: number;
  readonly id: string;
}

/**
 * The log of one table: commits, each a file that is put if absent, and checkpoints of what they
 * come to, which take the place of old ones.
 */
export interface DeltaLog {
  readonly folder: string;
  /** The digest of a commit; undefined if there is none of that version that can be read. */
  digest(version: number): Promise<string | undefined>;
  /** A chunk that was added; `fields` are the table's of any later version. Throws ForeignLogError. */
  chunk(place: ChunkPlace, fields: readonly TableField[]): Promise<LoggedChunk>;
  /** Reads the commits from `version` on, in order. Throws ForeignLogError. */
  read(version: number, fields: readonly TableField[]): AsyncGenerator<CommittedEntry>;
  /**
   * Adds a commit, durable once this resolves (if the log syncs); undefined if the version exists.
   *
   * Throws UncertainCommitError if only a restart can tell whether the commit is on disk; on any
   * other error nothing was added.
   */
  append(entry: LogEntry): Promise<CommittedEntry | undefined>;
  /** See Checkpoints. */
  keepAll(): () => void;
  /** Resolves once no checkpoint is being made. */
  idle(): Promise<void>;
}

/** Opens the log; without `checkpoints` none are made, and none is asked for a chunk. */
export function openDeltaLog(
  folders: TableFolders,
  sync: boolean,
  checkpoints?: Checkpoints,
): DeltaLog {
  async function* read(from: number, known: readonly TableField[]): AsyncGenerator<CommittedEntry> {
    const names = (await readdir(folders.log)).filter((name) => /^[0-9]{20}\.json$/.test(name));
    const commits = new Set(names);
    await checkCommitsBefore(from, commits, folders.log);
    let version = from;
    let fields = known;
    for (; commits.has(fileOf(version)); version++) {
      const text = await readCommit(version);
      const entry = parseCommit(version, text, fields);
      fields = entry.fields ?? fields;
      yield { ...entry, digest: digestOf(text) };
    }
    if (names.some((name) => name > fileOf(version))) throw missingCommit(version);
  }

  async function readCommit(version: number): Promise<string> {
    try {
      return await readFile(path.join(folders.log, fileOf(version)), 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new ForeignLogError(
        `the table's log (_delta_log/${fileOf(version)}) cannot be read (${code})`,
        { cause: error },
      );
    }
  }

  /** A chunk whose commit cannot be read, for this reason, from a checkpoint. */
  async function heldChunk(number: number, reason: unknown, fields: readonly TableField[]) {
    const found = await checkpoints?.chunk(number);
    if (found === undefined) throw reason;
    if ('fault' in found) throw new ForeignLogError(`the table's log ${found.fault}`);
    return parseChunk(found, fields);
  }

  return {
    folder: folders.log,
    read,
    async chunk({ version, number, id }, fields) {
      const text = await readCommit(version).catch((error: Error) => error);
      const chunk =
        text instanceof Error
          ? await heldChunk(number, text, fields)
          : parseCommit(version, text, fields).chunks.find((chunk) => chunk.id === id);
      if (chunk?.id === id) return chunk;
      throw new ForeignLogError(`the table's log (_delta_log/${fileOf(version)}) lacks a chunk`);
    },
    async digest(version) {
      // One that cannot be read is told of by `read`.
      return readCommit(version).then(digestOf, () => undefined);
    },
    async append(entry) {
      const committedMs = Date.now();
      const text = commitText(entry, committedMs);
      const spooled = path.join(folders.spool, `${randomUUID()}.json`);
      const target = path.join(folders.log, fileOf(entry.version));
      // Opened first: a fault of the disk is told to who had the folder open when it came, and else to
      // the first who asks, which may be a checkpoint.
      const folder = sync ? await open(folders.log, 'r') : undefined;
      try {
        await writeNewFile(spooled, text, sync);
        // A link, unlike a rename, fails when the name exists.
        await link(spooled, target);
        if (folder !== undefined) await syncHandle('log', folder).catch(throwUncertain);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
        throw error;
      } finally {
        await folder?.close();
        // What stays behind is removed at the next start.
        await rm(spooled, { force: true }).catch(() => {});
      }
      checkpoints?.committed(entry.version);
      return { ...entry, committedMs, digest: digestOf(text) };
    },
    keepAll: () => checkpoints?.keepAll() ?? (() => {}),
    idle: async () => checkpoints?.idle(),
  };
}

export const digestOf = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');

function commitText({ version, fields, tableId, chunks, removed }: LogEntry, now: number): string {
  const actions: object[] = [];
  if (version === 0) actions.push({ protocol: { minReaderVersion: 1, minWriterVersion: 2 } });
  if (fields !== undefined) {
    actions.push({
      metaData: {
        id: tableId,
        format: { provider: 'parquet', options: {} },
        schemaString: JSON.stringify({ type: 'struct', fields: fields.map(schemaField) }),
        partitionColumns: [],
        configuration: {},
        createdTime: now,
      },
    });
  }
  actions.push(...chunks.map((chunk) => addAction(chunk, now)));
  actions.push(...removed.map((chunk) => removeAction(chunk, now)));
  const operation = removed.length > 0 ? 'DELETE' : 'WRITE';
  actions.push({ commitInfo: { timestamp: now, operation, engineInfo: 'Tally' } });
  return `${actions.map((action) => JSON.stringify(action)).join('\n')}\n`;
}

function addAction(chunk: LoggedChunk, now: number) {
  const { id, rows, csvBytes, parquetBytes, checksums, columns, retry } = chunk;
  const stored: StoredChunk = {
    id,
    csvBytes,
    columns: columns.map(({ name, field }) => [name, field?.field ?? null]),
    ...checksums,
    retry,
  };
  return {
    add: {
      path: pathOf(chunk),
      partitionValues: {},
      size: parquetBytes,
      modificationTime: now,
      dataChange: true,
      stats: JSON.stringify({ numRecords: rows }),
      tags: { [chunkTag]: JSON.stringify(stored) },
    },
  };
}

function removeAction(chunk: RemovedChunk, now: number) {
  return {
    remove: {
      path: pathOf(chunk),
      deletionTimestamp: now,
      dataChange: true,
      tags: { [chunkTag]: JSON.stringify(chunk) },
    },
  };
}

/** Where a chunk's Parquet file is, below the Delta table's folder. */
export const pathOf = ({ id }: { readonly id: string }) => `parquet/${id}.parquet`;

function schemaField({ field, type, column }: TableField): object {
  const metadata = column === null ? {} : { [columnKey]: column };
  return { name: field, type, nullable: true, metadata };
}

/** An action of a commit, as JSON: a line of its file. */
export interface Action {
  readonly protocol?: { readonly minReaderVersion: number; readonly minWriterVersion: number };
  readonly metaData?: { readonly id: string; readonly schemaString: string };
  readonly add?: {
    readonly path: string;
    readonly size: number;
    readonly stats?: string;
    readonly tags?: Readonly<Record<string, string>>;
  };
  readonly remove?: {
    readonly path: string;
    readonly deletionTimestamp?: number;
    readonly tags?: Readonly<Record<string, string>>;
  };
  readonly commitInfo?: { readonly timestamp?: number };
}

const tallyActions = ['protocol', 'metaData', 'add', 'remove', 'commitInfo'];

/** What a commit says; its digest is of its bytes. */
export type ParsedCommit = Omit<CommittedEntry, 'digest'>;

/** Reads the text of a commit; `known` are the table's fields before it. Throws ForeignLogError. */
export function parseCommit(
  version: number,
  text: string,
  known: readonly TableField[],
): ParsedCommit {
  const stop = (why: string) =>
    new ForeignLogError(`the table's log (_delta_log/${fileOf(version)}) ${why}`);
  const actions = parseActions(text);
  if (actions === undefined) throw stop('is not readable: a line of it is no JSON object');
  // Tally's commits, and other engines' that change nothing, have a commitInfo at least.
  if (actions.length === 0) throw stop('is empty: what it held is lost');
  const changes = actions.flatMap(({ add, remove }) => add ?? remove ?? []);
  const isTallys =
    changes.length > 0 && changes.every(({ tags }) => tags?.[chunkTag] !== undefined);
  // Other engines' VACUUM adds commits that change nothing: they hold a commitInfo only.
  const ours = isTallys ? tallyActions : ['commitInfo'];
  const kinds = new Set(actions.flatMap((action) => Object.keys(action)));
  const foreign = [...kinds].filter((kind) => !ours.includes(kind));
  if (foreign.length > 0) {
    throw stop(
      `holds what Tally did not write (${foreign.join(', ')}): Tally must be the table's only writer`,
    );
  }
  try {
    return { version, ...parseEntry(actions, known) };
  } catch (error) {
    throw stop(`is not readable: ${error instanceof Error ? error.message : error}`);
  }
}

/** What actions of Tally's say; throws an Error if they are not as Tally writes them. */
function parseEntry(
  actions: readonly Action[],
  known: readonly TableField[],
): Omit<ParsedCommit, 'version'> {
  const { metaData } = actions.find((action) => action.metaData !== undefined) ?? {};
  const fields = metaData === undefined ? known : parseFields(metaData.schemaString);
  const { commitInfo } = actions.find((action) => action.commitInfo !== undefined) ?? {};
  return {
    committedMs: commitInfo?.timestamp ?? 0,
    ...(metaData !== undefined && { fields, tableId: metaData.id }),
    chunks: actions.flatMap(({ add }) => (add === undefined ? [] : [parseChunk(add, fields)])),
    removed: actions.flatMap(({ remove }) => (remove === undefined ? [] : [parseRemoved(remove)])),
  };
}

/** The actions of a commit, one a line; undefined if a line is not one. */
export function parseActions(text: string): Action[] | undefined {
  try {
    const actions: Action[] = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
    return actions.every((action) => typeof action === 'object' && action !== null)
      ? actions
      : undefined;
  } catch {
    return undefined;
  }
}

/** The fields in a schema of Delta Lake's. */
export function parseFields(schemaString: string): TableField[] {
  const schema = JSON.parse(schemaString) as {
    fields: { name: string; type: ColumnType; metadata: Record<string, string> }[];
  };
  return schema.fields.map(({ name, type, metadata }) => ({
    field: name,
    type,
    column: metadata[columnKey] ?? null,
  }));
}

function parseRemoved({ tags }: NonNullable<Action['remove']>): RemovedChunk {
  return JSON.parse(tags?.[chunkTag] ?? '');
}

/** The chunk of an add action; `fields` are the table's. */
export function parseChunk(
  add: NonNullable<Action['add']>,
  fields: readonly TableField[],
): LoggedChunk {
  const stored: StoredChunk = JSON.parse(add.tags?.[chunkTag] ?? '');
  const { csvCrc32c, parquetCrc32c } = stored;
  const byField = new Map(fields.map((field) => [field.field, field]));
  return {
    id: stored.id,
    rows: JSON.parse(add.stats ?? '{}').numRecords,
    csvBytes: stored.csvBytes,
    retry: stored.retry,
    parquetBytes: add.size,
    checksums:
      csvCrc32c === undefined || parquetCrc32c === undefined
        ? undefined
        : { csvCrc32c, parquetCrc32c },
    columns: stored.columns.map(([name, field]) => ({
      name,
      field: field === null ? null : (byField.get(field) ?? null),
    })),
  };
}
