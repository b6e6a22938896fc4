import type { CommittedEntry, RemovedChunk } from './delta-log.js';
import type { TableField } from './schema.js';

/** How far the index has taken in the table's log, and what the log says of the table. */
export interface IndexState {
  readonly tableId: string | undefined;
  /** The version of the log's first commit that is not in the index. */
  readonly nextVersion: number;
  /** The digest of the last commit that is in the index. */
  readonly lastDigest: string | undefined;
  /** Chunks that were ever added, and those of them that were removed. */
  readonly chunks: number;
  readonly removedChunks: number;
  readonly fields: readonly TableField[];
  /** Of all chunks that are there. */
  readonly rows: number;
  readonly csvBytes: number;
  readonly parquetBytes: number;
}

/** The state of an index that has taken in nothing. */
export const emptyIndexState: IndexState = {
  tableId: undefined,
  nextVersion: 0,
  lastDigest: undefined,
  chunks: 0,
  removedChunks: 0,
  fields: [],
  rows: 0,
  csvBytes: 0,
  parquetBytes: 0,
};

/** The state after an entry of the log. */
export function stateAfter(
  before: IndexState,
  { version, digest, tableId, fields, chunks, removed }: CommittedEntry,
): IndexState {
  type Size = Pick<RemovedChunk, 'rows' | 'csvBytes' | 'parquetBytes'>;
  const sum = (of: (chunk: Size) => number) =>
    chunks.reduce((sum, chunk) => sum + of(chunk), 0) -
    removed.reduce((sum, chunk) => sum + of(chunk), 0);
  return {
    tableId: tableId ?? before.tableId,
    nextVersion: version + 1,
    lastDigest: digest,
    chunks: before.chunks + chunks.length,
    removedChunks: before.removedChunks + removed.length,
    fields: fields ?? before.fields,
    rows: before.rows + sum(({ rows }) => rows),
    csvBytes: before.csvBytes + sum(({ csvBytes }) => csvBytes),
    parquetBytes: before.parquetBytes + sum(({ parquetBytes }) => parquetBytes),
  };
}
