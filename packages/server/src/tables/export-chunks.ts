import path from 'node:path';
import type { ChunkSummary } from './chunk-index.js';
import type { ChunkPosition, ColumnSource, ExportChunk, ExportedPart } from './export.js';
import type { ExportedColumn } from './export-columns.js';
import type { ColumnEntry } from './index-entry.js';
import type { Table } from './tables.js';

/** What is still to be exported: some chunks of the table are known, others come. */
export interface RestOfTable {
  /** The next chunks, of which the first is exported from a position on. */
  readonly chunks: readonly ExportChunk[];
  readonly position: ChunkPosition | undefined;
  /** Files whose checksums have been compared. */
  readonly filesChecked: number;
  /** Finds out about chunks if none is known; false: there are no more. */
  load(): Promise<boolean>;
  /** The number of the chunk at a place in `chunks`. */
  numberOf(index: number): number;
  /** What the values of `chunks` may take as Arrow has them. */
  bytesAtMost(): number;
  /** Leaves out what has been exported. */
  advance(part: ExportedPart): void;
}

/** Columns of all chunks that are known at a time, and these chunks. */
const columnsMax = 4096;
const chunksMax = 64;

/** All chunks of a version of a table, in the order of their uploads. */
export function restOfTable(
  table: Table,
  columns: readonly ExportedColumn[],
  version: number,
  checked: boolean,
): RestOfTable {
  const { catalog } = table.ingest;
  const count = Math.max(1, Math.min(chunksMax, Math.floor(columnsMax / (columns.length + 1))));
  let summaries: readonly ChunkSummary[] = [];
  let chunks: readonly ExportChunk[] = [];
  let position: ChunkPosition | undefined;
  let nextNumber = 1;
  let filesChecked = 0;
  return {
    get chunks() {
      return chunks;
    },
    get position() {
      return position;
    },
    get filesChecked() {
      return filesChecked;
    },
    async load() {
      if (chunks.length > 0) return true;
      // Without a column there is nothing of a chunk to be told.
      if (columns.length === 0) return false;
      summaries = await catalog.chunksAt(version, nextNumber, count);
      nextNumber = (summaries.at(-1)?.number ?? 0) + 1;
      chunks = await Promise.all(
        summaries.map((summary) => exportedChunk(table, columns, summary, checked)),
      );
      return chunks.length > 0;
    },
    numberOf: (index) => summaries[index]?.number ?? 0,
    bytesAtMost: () =>
      summaries.reduce((sum, { rows, csvBytes }) => sum + rows * columns.length * 9 + csvBytes, 0),
    advance({ nextChunk, next }) {
      for (const { csvCrc32c, parquetCrc32c } of chunks.slice(0, nextChunk)) {
        for (const crc32c of [csvCrc32c, parquetCrc32c]) if (crc32c !== undefined) filesChecked++;
      }
      summaries = summaries.slice(nextChunk);
      chunks = chunks.slice(nextChunk);
      position = next;
    },
  };
}

/** Where the columns of a stream are in a chunk. */
async function exportedChunk(
  { ingest: { folders, catalog } }: Table,
  columns: readonly ExportedColumn[],
  { id, number, rows }: ChunkSummary,
  checked: boolean,
): Promise<ExportChunk> {
  const names = columns.map(({ name }) => name);
  const entries = await catalog.columnsOf(number, names);
  const sources = columns.map(({ isMixed }, i) => sourceOf(entries[i], isMixed));
  const checksums = checked ? catalog.checksums(number) : undefined;
  return {
    csvPath: path.join(folders.csv, `${id}.csv`),
    parquetPath: path.join(folders.parquet, `${id}.parquet`),
    rows,
    csvColumns: entries.find((entry) => entry !== undefined)?.columns ?? 0,
    sources,
    ...(sources.some((source) => source && 'place' in source) && {
      csvCrc32c: checksums?.csvCrc32c,
    }),
    ...(sources.some((source) => source && 'field' in source) && {
      parquetCrc32c: checksums?.parquetCrc32c,
    }),
  };
}

function sourceOf(entry: ColumnEntry | undefined, isMixed: boolean): ColumnSource {
  if (entry === undefined || entry.field === null) return null;
  return isMixed ? { place: entry.place } : { field: entry.field, ranges: entry.ranges };
}
