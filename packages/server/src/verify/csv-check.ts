import { crc32c } from '@node-rs/crc32';
import type { ColumnType } from '@tally/kernels';
import { numberOptions } from '../config.js';
import { type ChunkLimits, findFault, readHeader } from '../tables/csv-faults.js';
import { CsvFault, CsvReader } from '../tables/csv-reader.js';
import { fileCrc32c } from '../tables/file-checksum.js';
import { csvRows, csvTextStart, readPieces, wholeFile } from '../tables/kernel.js';

/** A column of a CSV file as the log has it. */
export interface ExpectedColumn {
  readonly name: string;
  readonly type: ColumnType | null;
}

/** What a CSV file holds. */
export interface CsvFacts {
  readonly crc32c: number;
  /** What keeps it from being read as the log says; then there are no rows and sums. */
  readonly fault: string | undefined;
  readonly rows: number;
  /** The exact sum of each column of integers, by its place. */
  readonly sums: ReadonlyMap<number, bigint>;
}

/** The most that a server can have allowed: a file that it took must be taken here. */
const limits: ChunkLimits = {
  chunkColumnsMax: numberOptions.chunkColumnsMax.max,
  columnNameBytesMax: numberOptions.columnNameBytesMax.max,
  fieldBytesMax: numberOptions.fieldBytesMax.max,
  rowBytesMax: numberOptions.rowBytesMax.max,
  rowGroupRowsMax: numberOptions.rowGroupRowsMax.fallback,
  rowGroupBytesMax: numberOptions.rowGroupBytesMax.fallback,
};

/** Bytes of a file that are read at a time. */
const pieceBytes = 256 * 1024;

/** Reads a CSV file once: its checksum, its rows, and the sums of all its columns of integers. */
export function readCsvFile(fd: number, columns: readonly ExpectedColumn[]): CsvFacts {
  const fault = headerFault(fd, columns);
  const read = fault ?? readRows(fd, columns);
  if (typeof read !== 'string') return read;
  return { crc32c: fileCrc32c(fd, () => {}), fault: read, rows: 0, sums: new Map() };
}

function headerFault(fd: number, columns: readonly ExpectedColumn[]): string | undefined {
  try {
    const names = readHeader(new CsvReader(fd, limits.fieldBytesMax), limits);
    const isSame = names.length === columns.length && names.every((n, i) => n === columns[i]?.name);
    return isSame ? undefined : 'its header is not the one that the log has';
  } catch (error) {
    return csvFaultOf(error);
  }
}

function csvFaultOf(error: unknown): string {
  if (error instanceof CsvFault) return error.message;
  throw error;
}

/** The same conversion as an upload's, without its writing; or the file's fault. */
function readRows(fd: number, columns: readonly ExpectedColumn[]): CsvFacts | string {
  const rows = csvRows(limits);
  const integers = columns.flatMap(({ type }, place) => (type === 'long' ? [place] : []));
  const sums = new Map(integers.map((place) => [place, 0n]));
  let rowCount = 0;
  function endRowGroup(): void {
    rowCount += rows.rowGroupRows();
    for (const place of integers) {
      sums.set(place, (sums.get(place) ?? 0n) + exactSum(rows.longs(place)));
    }
    rows.beginRowGroup();
  }

  rows.beginConversion(columns.map(({ type }) => type));
  const start = csvTextStart(fd);
  let checksum = crc32c(new Uint8Array(byteOrderMark.subarray(0, start)));
  let kept = 0;
  let isDone = false;
  for (const piece of readPieces(fd, rows.input, start, wholeFile(fd), pieceBytes)) {
    checksum = crc32c(rows.input.subarray(kept, piece.length), checksum);
    for (;;) {
      const used = rows.read(piece.used, piece.length - piece.used, piece.isLast);
      if (used === 'contradiction') return 'a value of it is not of the type that the log has';
      if (used === 'fault') return faultOf(fd);
      piece.used += used;
      if (!rows.isRowGroupFull()) break;
      endRowGroup();
    }
    kept = piece.length - piece.used;
    isDone = piece.isLast && kept === 0;
  }
  if (!isDone) return faultOf(fd);
  if (rows.rowGroupRows() > 0) endRowGroup();
  return { crc32c: checksum, fault: undefined, rows: rowCount, sums };
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

function faultOf(fd: number): string {
  try {
    return findFault(fd, limits).message;
  } catch (error) {
    return csvFaultOf(error);
  }
}

// The halves are added as doubles, which are exact up to 2^53: a row group has fewer than 2^21 rows.
function exactSum(values: BigInt64Array): bigint {
  const halves = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  let low = 0;
  let high = 0;
  for (let i = 0; i < halves.length; i += 2) {
    low += (halves[i] as number) >>> 0;
    high += halves[i + 1] as number;
  }
  return BigInt(high) * 4_294_967_296n + BigInt(low);
}
