import type { Stages } from '../observe/call-record.js';
import type { CacheStats } from '../observe/pool-stats.js';
import {
  type FilesContext,
  type Format,
  fileOf,
  type Part,
  partOf,
  type ReadBatch,
  readParts,
} from './column-files.js';
import type { ChunkLimits } from './csv-faults.js';
import type { TablePool } from './pool.js';
import type { SumCache } from './sum-cache.js';

export type { Format } from './column-files.js';

/** What a sum needs of its table. */
export interface SumContext extends FilesContext {
  readonly pool: TablePool;
  readonly cache: SumCache;
  readonly limits: ChunkLimits;
  /** What the cache has answered since the start. */
  readonly lookUps: { -readonly [K in keyof CacheStats]: CacheStats[K] };
  /** Batches of one sum that are worked on at once. */
  readonly parallel: number;
}

/** An exact total, however large, or one sentence on why there is none. */
export type SumResult = ColumnTotal | { readonly error: string };

export interface ColumnTotal {
  readonly total: bigint;
  /** Files whose sum was in the cache, and files that were read. */
  readonly cacheHits: number;
  readonly filesRead: number;
  /** Files that were read and whose checksum holds. */
  readonly filesChecked: number;
}

/**
 * Sums one column over every chunk that was acknowledged; those without it, or without a value in
 * it, add nothing.
 *
 * With `checked`, each file is read whole and its checksum compared before it is summed; sums in
 * the cache are not used then. Files that the log has no checksum of are summed as they are.
 *
 * Rejects with the signal's reason once that is aborted; the threads then stop as well.
 */
export async function sumColumn(
  context: SumContext,
  column: string,
  format: Format,
  checked: boolean,
  signal: AbortSignal,
  stages: Stages,
): Promise<SumResult> {
  stages.enter('catalog');
  const entries = await context.catalog.column(column);
  // Both formats say the same of a column that is no integer: what its CSV file says.
  const foreign = entries.find(({ type }) => type !== null && type !== 'long');
  if (foreign !== undefined) {
    const part = partOf(foreign, 'csv');
    const result = await sumParts(context, column, 'csv', [part], false, signal, stages);
    if ('error' in result) return result;
    // All its values are integers, but its type was declared.
    const where = `in chunk ${foreign.chunkNumber}, its type is ${foreign.type}`;
    return { error: `column ${JSON.stringify(column)} cannot be summed: ${where}` };
  }
  const cached = context.cache.of(format, column);
  let total = 0n;
  let cacheHits = 0;
  const parts: Part[] = [];
  for (const entry of entries) {
    if (entry.type === null) continue;
    const known = checked ? undefined : cached.get(entry.chunkNumber);
    if (known === undefined) {
      parts.push(partOf(entry, format));
    } else {
      total += known;
      cacheHits++;
    }
  }
  context.lookUps.hits += cacheHits;
  context.lookUps.misses += parts.length;
  const read = await sumParts(context, column, format, parts, checked, signal, stages);
  if ('error' in read) return read;
  return { ...read, total: total + read.total, cacheHits };
}

async function sumParts(
  context: SumContext,
  column: string,
  format: Format,
  parts: readonly Part[],
  checked: boolean,
  signal: AbortSignal,
  stages: Stages,
): Promise<SumResult> {
  const { pool, limits, parallel } = context;
  const cached = context.cache.of(format, column);
  let total = 0n;
  let filesChecked = 0;
  const read: ReadBatch<bigint> = async (batch, stop) => {
    const files = batch.map(({ entry }) => fileOf(context, entry, format, checked));
    filesChecked += files.filter(({ crc32c }) => crc32c !== undefined).length;
    const result = await pool.sum({ files, limits, stop }, stages);
    return 'fault' in result ? result : result.sums;
  };
  const where = await readParts(parts, parallel, signal, read, ({ entry }, sum) => {
    total += sum;
    cached.set(entry.chunkNumber, sum);
  });
  if (where !== undefined) {
    return { error: `column ${JSON.stringify(column)} cannot be summed: ${where}` };
  }
  return { total, cacheHits: 0, filesRead: parts.length, filesChecked };
}
