import {
  addDoubleText,
  aggregateDoubles,
  type ColumnType,
  type CsvAggregate,
  csvAggregator,
  doubleAggregate,
  type LongAggregate,
  type ValueKind,
} from '@tally/kernels';
import { type FileAggregate, mergeLongs, valueKindOf } from './aggregate.js';
import { type ChunkLimits, readHeader, readRow } from './csv-faults.js';
import { CsvReader } from './csv-reader.js';
import { notA, readByKernel } from './csv-sum.js';
import { parseInteger } from './csv-values.js';
import { kernels } from './kernel.js';

/**
 * What one column of a CSV file comes to that has this type; null: it has no value.
 *
 * `column` is its place in the header, which has `columns` of them. Throws CsvFault, with its
 * line, for a value that is not of the type, if that is a number's; an Error for one where none
 * may be.
 */
export function aggregateCsvColumn(
  fd: number,
  column: number,
  columns: number,
  type: ColumnType | null,
  limits: ChunkLimits,
  throwIfStopped: () => void,
): FileAggregate {
  const kind = valueKindOf(type);
  const aggregator = csvAggregator(kernels, column, columns, kind);
  const isRead = readByKernel(fd, aggregator.add, throwIfStopped);
  const result = isRead ? aggregator.result() : aggregateByReader(fd, column, kind, limits);
  const { rows, nonNull, longs, doubles } = result;
  if (type === null && nonNull > 0) throw new Error('a column that had no value has one');
  const numbers = kind === 'other' ? 0 : nonNull;
  return { rows, count: nonNull, nulls: rows - nonNull, numbers, longs, doubles };
}

function aggregateByReader(
  fd: number,
  column: number,
  kind: ValueKind,
  limits: ChunkLimits,
): CsvAggregate {
  const reader = new CsvReader(fd, limits.fieldBytesMax);
  const columns = readHeader(reader, limits).length;
  let rows = 0;
  let nonNull = 0;
  let longs: LongAggregate | undefined;
  if (kind === 'double') aggregateDoubles(kernels);
  const add = (index: number) => {
    if (index !== column) return;
    const { bytes, start, end, quoted } = reader;
    if (start === end && !quoted) return;
    nonNull++;
    if (kind === 'double') addDouble(reader);
    if (kind !== 'long') return;
    const value = parseInteger(bytes, start, end);
    if (value === undefined) throw notA('an integer within int64', reader);
    const long = BigInt(value);
    longs = mergeLongs(longs, { sum: long, min: long, max: long });
  };
  while (readRow(reader, columns, limits, add)) rows++;
  const doubles = kind === 'double' && nonNull > 0 ? doubleAggregate(kernels) : undefined;
  return { rows, nonNull, longs, doubles };
}

/** The kernel parses doubles, as it does for a conversion: both formats have the same bits. */
function addDouble(reader: CsvReader): void {
  const text = reader.bytes.subarray(reader.start, reader.end);
  if (text.length > kernels.input.length) throw notA('a double', reader);
  kernels.input.set(text);
  if (!addDoubleText(kernels, text.length)) throw notA('a double', reader);
}
