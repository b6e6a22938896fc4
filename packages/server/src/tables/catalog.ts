import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { Mutex } from 'async-mutex';
import { StoppedError } from '../lmdb-failure.js';
import { logger } from '../logger.js';
import { findCheckpoints } from './checkpoint-list.js';
import type { ChunkIndex, ChunkSummary, KeptUpload, TableSize } from './chunk-index.js';
import type {
  CommittedEntry,
  DeltaLog,
  FileChecksums,
  LogEntry,
  LoggedChunk,
  UploadRetry,
} from './delta-log.js';
import { indexCheckpoint, type ReadRanges } from './index-checkpoint.js';
import type { ColumnEntry } from './index-entry.js';
import { emptyIndexState, type IndexState, stateAfter } from './index-state.js';
import { lastCheckpointFault, lastCheckpointFile } from './last-checkpoint.js';
import { ForeignLogError, UncertainCommitError } from './log-errors.js';
import type { ColumnRange } from './parquet-file.js';
import { planChunk, samePlan, type TableField } from './schema.js';
import type { IngestedChunk } from './worker.js';

/** A chunk whose two files are in their place, and the CRC32C of the CSV file as it came. */
export interface CompleteChunk extends IngestedChunk {
  readonly csvCrc32c: number;
}

/** How much a table has, of every upload that was acknowledged. */
export type TableState = Pick<
  IndexState,
  'nextVersion' | 'chunks' | 'removedChunks' | 'rows' | 'csvBytes' | 'parquetBytes' | 'fields'
>;

/** What the table holds: its chunks and their fields, as the log says. */
export interface Catalog {
  /** How much the table has. */
  state(): Promise<TableState>;
  /**
   * A column in every chunk that has it and whose upload was acknowledged: those that are there, or
   * those of a version, which must not be later than the latest.
   */
  column(name: string, version?: number): Promise<readonly ColumnEntry[]>;
  /** See ChunkIndex; the version must not be later than the latest. */
  typesAt: ChunkIndex['typesAt'];
  /** Up to `count` chunks of a version of the table, from a number on. */
  chunksAt(version: number, from: number, count: number): Promise<readonly ChunkSummary[]>;
  /** Columns of a chunk that `chunksAt` has given; undefined where it has none of that name. */
  columnsOf(
    chunkNumber: number,
    names: readonly string[],
  ): Promise<readonly (ColumnEntry | undefined)[]>;
  /** Of the files of a chunk of `column()`; undefined if the log has none. Throws TableStoppedError. */
  checksums(chunkNumber: number): FileChecksums | undefined;
  /** The table's fields, to plan a chunk by. */
  fields(): Promise<readonly TableField[]>;
  /** What was kept of the upload with an idempotency key, if it was not too long ago. */
  kept(idempotencyKey: string): Promise<KeptUpload | undefined>;
  /** How many chunks a version has, and how many rows; it must not be later than the latest. */
  sizeAt(version: number): Promise<TableSize>;
  /** Up to `count` chunks, from a number on. */
  chunks(from: number, count: number): Promise<readonly ChunkSummary[]>;
  /** A chunk with its columns, from the log. */
  loggedChunk(number: number): Promise<LoggedChunk>;
  /**
   * Adds a chunk whose files are in their place; it is visible once this resolves to true.
   *
   * False: the fields have changed since the chunk was planned, and it must be planned anew; or the
   * log has a chunk of its idempotency key, of which two chunks must not wait at a time.
   * Throws UncertainCommitError: then the chunk's files must stay where they are.
   */
  commit(id: string, chunk: CompleteChunk, retry?: UploadRetry): Promise<boolean>;
  /**
   * Takes a chunk out, and resolves to the version that does not have it; undefined if there is none
   * of that id.
   */
  remove(id: string): Promise<number | undefined>;
  /** Lets a commit in progress end, and no other one pass until what it resolves to is resumed. */
  freeze(): Promise<FrozenTable>;
  /** Lets a commit in progress end, and refuses everything from then on with TableStoppedError. */
  end(why: string): Promise<void>;
  close(): Promise<void>;
}

/** A table as it was at one moment. */
export interface FrozenTable {
  readonly state: TableState;
  /** Lets commits pass again. */
  resume(): void;
  /** Lets the log remove what it needs no more, which it does not until then. */
  release(): void;
  /** A chunk by its number, from 1 on, also a removed one. */
  chunk(number: number): ChunkSummary | undefined;
  /** Of a chunk's files; undefined if the log has none. */
  checksums(number: number): FileChecksums | undefined;
}

/** The table cannot be used; the message says why and what to do. */
export class TableStoppedError extends Error {}

/** A chunk is committed, but not in the index, so that sums do not see it yet. */
export class UnseenCommitError extends Error {}

interface State extends IndexState {
  readonly stopped: string | undefined;
}

/** A chunk that waits for its commit. */
interface Waiting {
  readonly id: string;
  readonly ingested: CompleteChunk;
  readonly retry: UploadRetry | undefined;
  resolve(isCommitted: boolean): void;
  reject(error: unknown): void;
}

/** Chunks of one commit: its text is made and parsed on the main thread. */
const commitChunksMax = 64;

/**
 * Opens the catalog: reads what the index has not taken in of the log yet.
 *
 * One mutex guards everything shared here; it is never held while a file is read or written.
 * Commits pass one after the other through a queue of their own; chunks that arrive while one is
 * under way go into the next one together.
 */
export async function openCatalog(
  log: DeltaLog,
  index: ChunkIndex,
  readRanges: ReadRanges,
): Promise<Catalog> {
  const mutex = new Mutex();
  const committer = new Mutex();
  const waiting: Waiting[] = [];
  /** Of the index, which must not be closed meanwhile. */
  const readings = new Set<Promise<unknown>>();
  let state: State = { ...emptyIndexState, ...(await stateOf(index, log)), stopped: undefined };

  const publish = (change: Partial<State>): Promise<void> =>
    mutex.runExclusive(() => {
      state = { ...state, ...change };
    });

  const stop = async ({ message }: Error): Promise<void> => {
    // For the operator, who would otherwise hear of it from a client.
    logger.error(`The table is stopped: ${message}`);
    await publish({ stopped: `the table is stopped: ${message}` });
  };

  const read = <T>(value: (state: State) => T): Promise<T> =>
    mutex.runExclusive(() => {
      if (state.stopped !== undefined) throw new TableStoppedError(state.stopped);
      return value(state);
    });

  function untilRead<T>(reading: Promise<T>): Promise<T> {
    readings.add(reading);
    return reading.finally(() => readings.delete(reading));
  }

  /** Puts entries of the log into the index, and then shows them. */
  async function takeIn(
    entries: readonly CommittedEntry[],
    ranges: readonly ReadonlyMap<string, readonly ColumnRange[]>[],
  ): Promise<void> {
    const removed = entries.flatMap(({ removed, version }) =>
      removed.map((chunk) => ({ ...chunk, version })),
    );
    const chunks = entries.flatMap(({ chunks, committedMs, version }) =>
      chunks.map((chunk) => ({ ...chunk, committedMs, version })),
    );
    const next = entries.reduce<IndexState>(stateAfter, state);
    const indexed = chunks.map((chunk, i) => ({ ...chunk, ranges: ranges[i] ?? new Map() }));
    try {
      await index.add(indexed, removed, next);
    } catch (error) {
      if (error instanceof StoppedError) await stop(error);
      throw error;
    }
    await publish(next);
  }

  /** Takes in a commit of this process; if that fails, the next one takes it in from the log. */
  async function takeInCommitted(
    entry: CommittedEntry,
    ranges: readonly ReadonlyMap<string, readonly ColumnRange[]>[],
  ): Promise<void> {
    try {
      await takeIn([entry], ranges);
    } catch (cause) {
      const afterwards =
        cause instanceof StoppedError
          ? 'the table is stopped'
          : 'sums have it after the next upload that succeeds, or a restart';
      throw new UnseenCommitError(
        entry.removed.length > 0
          ? `the chunk is removed, but the table's index could not be written (${reasonOf(cause)}): ` +
              afterwards
          : `the chunk is kept, but the table's index could not be written (${reasonOf(cause)}): ` +
              `${afterwards}; do not upload it again`,
        { cause },
      );
    }
  }

  /** Takes in what is in the log already; another engine's VACUUM leaves entries, for example. */
  async function catchUp(): Promise<void> {
    let entries: CommittedEntry[] = [];
    let chunksRead = 0;
    async function takeInRead(): Promise<void> {
      const chunks = entries.flatMap((entry) => entry.chunks);
      await takeIn(entries, await readRanges(chunks.map(({ id }) => id)));
      entries = [];
      chunksRead = 0;
    }
    try {
      if (state.nextVersion === 0)
        await publish((await indexCheckpoint(log, index, readRanges)) ?? {});
      for await (const entry of log.read(state.nextVersion, state.fields)) {
        entries.push(entry);
        chunksRead += entry.chunks.length;
        if (entries.length >= commitChunksMax || chunksRead >= commitChunksMax) await takeInRead();
      }
    } catch (error) {
      if (!(error instanceof ForeignLogError)) throw error;
      await stop(error);
    }
    if (entries.length > 0) await takeInRead();
  }

  /** Commits chunks that wait, in one commit; those whose plan no longer holds are told so. */
  async function commitTogether(): Promise<void> {
    // Those whose fate is still open: an error is not for chunks that no commit was tried with.
    let group = waiting.splice(0, commitChunksMax);
    try {
      while (group.length > 0) {
        const now = await read((state) => state);
        // The log may have had more than the index when the upload looked for its key.
        const fresh = group.filter(({ retry }) => !retry || index.kept(retry.key) === undefined);
        const { entry, planned } = entryOf(now, fresh);
        for (const chunk of group) if (!planned.includes(chunk)) chunk.resolve(false);
        group = planned;
        if (planned.length === 0) return;
        const committed = await append(entry);
        if (committed === undefined) {
          await catchUp();
          continue;
        }
        await takeInCommitted(
          committed,
          planned.map(({ ingested }) => ingested.ranges),
        );
        for (const chunk of planned) chunk.resolve(true);
        return;
      }
    } catch (error) {
      for (const chunk of group) chunk.reject(error);
    }
  }

  /** Adds the entry to the log; if nobody knows whether it is there, the table is stopped. */
  async function append(entry: LogEntry): Promise<CommittedEntry | undefined> {
    try {
      return await log.append(entry);
    } catch (error) {
      if (error instanceof UncertainCommitError) await stop(error);
      throw error;
    }
  }

  async function removeChunk(id: string): Promise<number | undefined> {
    for (;;) {
      const { nextVersion, fields } = await read((state) => state);
      const number = index.numberOf(id);
      const summary = number === undefined ? undefined : index.chunk(number);
      if (summary === undefined) return undefined;
      const { columns } = await log.chunk(summary, fields);
      const removed = { ...sizesOf(summary), columns: columns.map(({ name }) => name) };
      const entry = { version: nextVersion, chunks: [], removed: [removed] };
      const committed = await append(entry);
      if (committed !== undefined) {
        await takeInCommitted(committed, []);
        return committed.version;
      }
      await catchUp();
    }
  }

  await catchUp();
  await reportCheckpointFaults(log.folder);
  return {
    state: () => read((state) => state),
    fields: () => read(({ fields }) => fields),
    async column(name, version) {
      const chunks = await read(({ chunks }) => chunks);
      return untilRead(
        version === undefined ? index.column(name, chunks) : index.columnAt(name, version),
      );
    },
    async typesAt(name, version, typesMax) {
      await read(() => {});
      return untilRead(index.typesAt(name, version, typesMax));
    },
    chunksAt: (version, from, count) => read(() => index.chunksAt(version, from, count)),
    columnsOf: (chunkNumber, names) => read(() => index.columnsOf(chunkNumber, names)),
    checksums(chunkNumber) {
      if (state.stopped !== undefined) throw new TableStoppedError(state.stopped);
      return index.checksums(chunkNumber);
    },
    kept: (idempotencyKey) => read(() => index.kept(idempotencyKey)),
    async sizeAt(version) {
      const { nextVersion, chunks, removedChunks, rows } = await read((state) => state);
      if (version >= nextVersion - 1) return { chunks: chunks - removedChunks, rows };
      return untilRead(index.sizeAt(version));
    },
    chunks: (from, count) =>
      read(({ chunks }) => index.chunksFrom(from, count).filter(({ number }) => number <= chunks)),
    async loggedChunk(number) {
      const { summary, fields } = await read(({ fields }) => ({
        summary: index.chunk(number),
        fields,
      }));
      if (summary === undefined) throw new Error(`there is no chunk ${number}`);
      return log.chunk(summary, fields);
    },
    commit: (id, ingested, retry) =>
      new Promise((resolve, reject) => {
        waiting.push({ id, ingested, retry, resolve, reject });
        void committer.runExclusive(async () => {
          if (waiting.length > 0) await commitTogether();
        });
      }),
    remove: (id) => committer.runExclusive(() => removeChunk(id)),
    async freeze() {
      const resume = await committer.acquire();
      try {
        const now = await read((state) => state);
        const release = log.keepAll();
        const { chunk, checksums } = index;
        return { state: now, resume, release, chunk, checksums };
      } catch (error) {
        resume();
        throw error;
      }
    },
    async end(why) {
      await committer.runExclusive(() => publish({ stopped: why }));
      await Promise.allSettled(readings);
      await log.idle();
    },
    close: () => index.close(),
  };
}

/** Tells the operator of what other engines may stumble over, and a lost index will need. */
async function reportCheckpointFaults(folder: string): Promise<void> {
  const { files, faults } = await findCheckpoints(folder);
  const ofLast = await lastCheckpointFault(folder, files);
  if (ofLast !== undefined) faults.push({ file: lastCheckpointFile, what: ofLast });
  for (const { file, what } of faults) {
    logger.error(
      `${path.join(folder, file)} ${what}. Tally goes on without it; move it elsewhere, or other ` +
        'engines may not be able to read the table until the next checkpoint.',
    );
  }
}

const sizesOf = ({ id, number, rows, csvBytes, parquetBytes }: ChunkSummary) => ({
  id,
  number,
  rows,
  csvBytes,
  parquetBytes,
});

// LMDB's message says where in its file it was writing: that helps nobody who uploads.
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : error.message;
}

/**
 * The state of the index; cleared first if it is not of this log, which a backup may have brought,
 * or lacks what it has today.
 */
async function stateOf(index: ChunkIndex, log: DeltaLog): Promise<IndexState | undefined> {
  const state = index.state();
  if (state === undefined) return undefined;
  // An older version of Tally has made it, or the taking in of a checkpoint was cut off.
  const isWhole = state.rows !== undefined && state.nextVersion > 0;
  if (isWhole && (await log.digest(state.nextVersion - 1)) === state.lastDigest) return state;
  await index.clear();
  return undefined;
}

/** The commit of those chunks whose plan still holds, each planned after the ones before it. */
function entryOf(
  { nextVersion, tableId, fields }: State,
  group: readonly Waiting[],
): { entry: LogEntry; planned: Waiting[] } {
  const planned: Waiting[] = [];
  const chunks: LoggedChunk[] = [];
  let fieldsAfter = fields;
  for (const chunk of group) {
    const { rows, csvBytes, parquetBytes, csvCrc32c, parquetCrc32c, columns } = chunk.ingested;
    const plan = planChunk(fieldsAfter, columns);
    if (!samePlan(plan, chunk.ingested.plan)) continue;
    fieldsAfter = plan.fields;
    planned.push(chunk);
    const { id, retry } = chunk;
    const checksums = { csvCrc32c, parquetCrc32c };
    chunks.push({ id, rows, csvBytes, parquetBytes, checksums, columns: plan.columns, retry });
  }
  const changed = nextVersion === 0 || fieldsAfter.length > fields.length;
  const schema = changed && { fields: fieldsAfter, tableId: tableId ?? randomUUID() };
  return { entry: { version: nextVersion, chunks, removed: [], ...schema }, planned };
}
