import {
  aggregateDoubles,
  aggregateLongs,
  type ColumnType,
  columnChunkAggregator,
  doubleAggregate,
  type LongAggregate,
  longAggregate,
  type ReadValues,
} from '@tally/kernels';
import { type FileAggregate, mergeLongs } from './aggregate.js';
import { kernels } from './kernel.js';
import type { ParquetReader } from './parquet.js';
import type { ColumnRange } from './parquet-file.js';
import { type ColumnChunk, readColumnChunk, readLongs, withParquet } from './parquet-sum.js';
import { readFooter } from './read-footer.js';

/**
 * What one column of a Parquet file comes to that has this type; null: the file does not have it.
 *
 * Reads nothing of other columns, and of what is no number the footer alone, where that counts
 * nulls. Throws an Error that says what is damaged.
 */
export async function aggregateParquetColumn(
  fd: number,
  field: string,
  type: ColumnType | null,
  ranges: readonly ColumnRange[] | undefined,
  throwIfStopped: () => void,
): Promise<FileAggregate> {
  if (type === 'long') {
    const readChunks = (chunks: readonly ColumnChunk[]) =>
      aggregateChunks(fd, chunks, throwIfStopped);
    return readLongs(fd, field, ranges, readChunks, (parquet) => readOtherLongs(parquet, field));
  }
  const footer = readFooter(fd);
  const { rows } = footer;
  if (type === null) return countsOf(rows, rows);
  const nulls = footer.columnOf(field).map((column) => column.nulls);
  if (type === 'double') {
    return withParquet(fd, (parquet) => readDoubles(parquet, field, rows, throwIfStopped));
  }
  if (nulls.every((count) => count !== undefined)) {
    return countsOf(rows, Number(nulls.reduce((sum, count) => sum + count, 0n)));
  }
  return withParquet(fd, async (parquet) => {
    const read = await parquet.countValues(field, throwIfStopped);
    return countsOf(rows, read.rows - read.nonNull);
  });
}

function countsOf(rows: number, nulls: number): FileAggregate {
  if (nulls < 0 || nulls > rows) throw new Error('its footer counts more nulls than rows');
  return { rows, count: rows - nulls, nulls, numbers: 0 };
}

function aggregateChunks(
  fd: number,
  chunks: readonly ColumnChunk[],
  throwIfStopped: () => void,
): FileAggregate {
  let rows = 0;
  let count = 0;
  let longs: LongAggregate | undefined;
  for (const chunk of chunks) {
    throwIfStopped();
    const read = readColumnChunk(fd, chunk, columnChunkAggregator(kernels, chunk.kind));
    rows += read.rows;
    count += read.nonNull;
    longs = mergeLongs(longs, read.longs);
  }
  return { ...numbersOf({ rows, nonNull: count }), longs };
}

async function readOtherLongs(parquet: ParquetReader, field: string): Promise<FileAggregate> {
  const aggregator = aggregateLongs(kernels);
  const read = await parquet.readValues(field, 'INT64', kernels.input, aggregator.add);
  const longs = read.nonNull === 0 ? undefined : longAggregate(kernels);
  return { ...numbersOf(read), longs };
}

async function readDoubles(
  parquet: ParquetReader,
  field: string,
  rows: number,
  throwIfStopped: () => void,
): Promise<FileAggregate> {
  const aggregator = aggregateDoubles(kernels);
  const add = (count: number) => {
    throwIfStopped();
    aggregator.add(count);
  };
  const read = await parquet.readValues(field, 'DOUBLE', kernels.input, add);
  // parquet-wasm may end early where a page is damaged.
  if (read.rows !== rows) throw new Error('a page of it is cut off');
  const doubles = read.nonNull === 0 ? undefined : doubleAggregate(kernels);
  return { ...numbersOf(read), doubles };
}

function numbersOf({ rows, nonNull }: ReadValues): FileAggregate {
  return { rows, count: nonNull, nulls: rows - nonNull, numbers: nonNull };
}
