import { randomUUID } from 'node:crypto';
import { Mutex } from 'async-mutex';
import {
  type DeltaLog,
  ForeignLogError,
  type LogEntry,
  type LoggedChunk,
  UncertainCommitError,
} from './delta-log.js';
import { type ChunkColumn, planChunk, samePlan, type TableField } from './schema.js';
import type { IngestedChunk } from './worker.js';

/** A column of a chunk: its place in the CSV header, and the table's field that holds it. */
export interface ColumnPlace {
  readonly index: number;
  readonly field: TableField | null;
}

/** A chunk of the table, for reading. Chunks with the same header share their columns. */
export interface Chunk {
  readonly id: string;
  /** Counts from 1 in the order of the uploads. */
  readonly number: number;
  readonly columns: ReadonlyMap<string, ColumnPlace>;
}

/** What the table holds: its chunks and their fields, as the log says. */
export interface Catalog {
  /** The chunks of every upload that was acknowledged. */
  chunks(): Promise<readonly Chunk[]>;
  /** The table's fields, to plan a chunk by. */
  fields(): Promise<readonly TableField[]>;
  /**
   * Adds a chunk whose files are in their place; it is visible once this resolves to true.
   *
   * False: the fields have changed since the chunk was planned, and it must be planned anew.
   * Throws UncertainCommitError: then the chunk's files must stay where they are.
   */
  commit(id: string, chunk: IngestedChunk): Promise<boolean>;
}

/** The table cannot be used; the message says why and what to do. */
export class TableStoppedError extends Error {}

interface State {
  readonly chunks: Chunk[];
  fields: readonly TableField[];
  tableId: string;
  nextVersion: number;
  stopped: string | undefined;
}

/**
 * Opens the catalog: reads the whole log.
 *
 * One mutex guards everything shared here; it is never held while a file is read or written.
 * Commits pass one after the other through a queue of their own.
 */
export async function openCatalog(log: DeltaLog): Promise<Catalog> {
  const mutex = new Mutex();
  const committer = new Mutex();
  const shareColumns = createColumnSharing();
  const state: State = {
    chunks: [],
    fields: [],
    tableId: randomUUID(),
    nextVersion: 0,
    stopped: undefined,
  };

  function publish(entry: LogEntry): void {
    state.nextVersion = entry.version + 1;
    state.fields = entry.fields ?? state.fields;
    state.tableId = entry.tableId ?? state.tableId;
    if (entry.chunk === undefined) return;
    const { id, columns } = entry.chunk;
    state.chunks.push({ id, number: state.chunks.length + 1, columns: shareColumns(columns) });
  }

  const stop = (reason: Error): Promise<void> =>
    mutex.runExclusive(() => {
      state.stopped = `the table is stopped: ${reason.message}`;
    });

  /** Adds the entry to the log; if nobody knows whether it is there, the table is stopped. */
  async function append(entry: LogEntry & { readonly chunk: LoggedChunk }): Promise<boolean> {
    try {
      return await log.append(entry);
    } catch (error) {
      if (error instanceof UncertainCommitError) await stop(error);
      throw error;
    }
  }

  /** Takes in what is in the log already; another engine's VACUUM leaves entries, for example. */
  async function catchUp(): Promise<void> {
    try {
      for await (const entry of log.read(state.nextVersion, state.fields)) {
        await mutex.runExclusive(() => publish(entry));
      }
    } catch (error) {
      if (!(error instanceof ForeignLogError)) throw error;
      await stop(error);
    }
  }

  const read = <T>(value: () => T): Promise<T> =>
    mutex.runExclusive(() => {
      if (state.stopped !== undefined) throw new TableStoppedError(state.stopped);
      return value();
    });

  await catchUp();
  return {
    chunks: () => read(() => state.chunks.slice()),
    fields: () => read(() => state.fields),
    commit: (id, ingested) =>
      committer.runExclusive(async () => {
        for (;;) {
          const now = await read(() => ({ ...state }));
          const plan = planChunk(now.fields, ingested.columns);
          if (!samePlan(plan, ingested.plan)) return false;
          const entry = entryOf(now, id, ingested, plan.fields);
          if (await append(entry)) {
            await mutex.runExclusive(() => publish(entry));
            return true;
          }
          await catchUp();
        }
      }),
  };
}

function entryOf(
  { nextVersion, tableId, fields }: State,
  id: string,
  { plan, rows, csvBytes, parquetBytes }: IngestedChunk,
  fieldsAfter: readonly TableField[],
): LogEntry & { chunk: LoggedChunk } {
  const chunk = { id, rows, csvBytes, parquetBytes, columns: plan.columns };
  const changed = nextVersion === 0 || fieldsAfter.length > fields.length;
  return { version: nextVersion, chunk, ...(changed && { fields: fieldsAfter, tableId }) };
}

/** Chunks with the same columns get the same map: most tables have one header, not thousands. */
function createColumnSharing() {
  const known = new Map<string, ReadonlyMap<string, ColumnPlace>>();
  return (columns: readonly ChunkColumn[]): ReadonlyMap<string, ColumnPlace> => {
    const key = JSON.stringify(columns.map(({ name, field }) => [name, field?.field]));
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = new Map(columns.map(({ name, field }, index) => [name, { index, field }]));
    known.set(key, made);
    return made;
  };
}
