import path from 'node:path';
import type { Chunk } from './catalog.js';
import type { ChunkLimits } from './csv-faults.js';
import type { TableFolders } from './files.js';
import type { TablePool } from './pool.js';
import type { ColumnFile } from './worker.js';

/** Which of a chunk's two files to read. */
export type Format = 'csv' | 'parquet';

/** What a sum needs of its table. */
export interface SumContext {
  readonly folders: TableFolders;
  readonly pool: TablePool;
  readonly limits: ChunkLimits;
  /** Batches of one sum that are worked on at once. */
  readonly parallel: number;
}

/** An exact total, however large, or one sentence on why there is none. */
export type SumResult = { readonly total: bigint } | { readonly error: string };

/** Files of one task: enough to outweigh the way to the thread, few enough to share threads. */
const batchFilesMax = 8;

/** A chunk that has values in the column, and the file to read them from. */
interface Part {
  readonly chunk: Chunk;
  readonly file: ColumnFile;
}

/** Sums one column over `chunks`; those without it, or without a value in it, add nothing. */
export async function sumColumn(
  context: SumContext,
  chunks: readonly Chunk[],
  column: string,
  format: Format,
): Promise<SumResult> {
  const parts: Part[] = [];
  for (const chunk of chunks) {
    const place = chunk.columns.get(column);
    if (place === undefined || place.field === null) continue;
    const csv: ColumnFile = {
      format: 'csv',
      path: path.join(context.folders.csv, `${chunk.id}.csv`),
      column: place.index,
      columns: chunk.columns.size,
    };
    // Both formats say the same of a column that is no integer: what its CSV file says.
    if (place.field.type !== 'long') return sumParts(context, column, [{ chunk, file: csv }]);
    const parquetPath = path.join(context.folders.parquet, `${chunk.id}.parquet`);
    const parquet: ColumnFile = { format: 'parquet', path: parquetPath, field: place.field.field };
    parts.push({ chunk, file: format === 'csv' ? csv : parquet });
  }
  return sumParts(context, column, parts);
}

async function sumParts(
  context: SumContext,
  column: string,
  parts: readonly Part[],
): Promise<SumResult> {
  const { pool, limits, parallel } = context;
  const batchFiles = Math.min(batchFilesMax, Math.ceil(parts.length / (parallel * 2)));
  let total = 0n;
  let next = 0;
  let error: string | undefined;

  // Each sum has a bounded number of batches in the pool, so that sums share it fairly.
  async function takeBatches(): Promise<void> {
    while (next < parts.length && error === undefined) {
      const batch = parts.slice(next, next + batchFiles);
      next += batch.length;
      const partial = await pool.sum({ files: batch.map(({ file }) => file), limits });
      if ('fault' in partial) {
        const number = batch[partial.index]?.chunk.number;
        const where = `in chunk ${number}, ${partial.fault}`;
        error ??= `column ${JSON.stringify(column)} cannot be summed: ${where}`;
      } else {
        total += partial.total;
      }
    }
  }

  await Promise.all(Array.from({ length: parallel }, takeBatches));
  return error === undefined ? { total } : { error };
}
