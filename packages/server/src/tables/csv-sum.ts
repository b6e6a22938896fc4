import { csvSummer } from '@tally/kernels';
import { type ChunkLimits, readHeader, readRow } from './csv-faults.js';
import { CsvFault, CsvReader } from './csv-reader.js';
import { parseInteger } from './csv-values.js';
import { csvTextStart, kernels, readPieces, wholeFile } from './kernel.js';

/** Bytes of a CSV file that are read at a time. */
const pieceBytes = 256 * 1024;

/**
 * The exact sum of one column of a CSV file; nulls add nothing.
 *
 * `column` is its place in the header, which has `columns` of them. Throws CsvFault, with its
 * line, for a value that is not an integer within int64.
 */
export function sumCsvColumn(
  fd: number,
  column: number,
  columns: number,
  limits: ChunkLimits,
  throwIfStopped: () => void,
): bigint {
  const summer = csvSummer(kernels, column, columns);
  if (readByKernel(fd, summer.add, throwIfStopped)) return summer.total();
  return sumByReader(fd, column, limits);
}

/**
 * Hands a CSV file to the kernel; false if that has refused it. The kernel does not say where a
 * fault is, and has room for fields of 2 MiB: the file is for CsvReader then.
 */
export function readByKernel(
  fd: number,
  add: (length: number, isLast: boolean) => number | undefined,
  throwIfStopped: () => void,
): boolean {
  const pieces = readPieces(fd, kernels.input, csvTextStart(fd), wholeFile(fd), pieceBytes);
  for (const piece of pieces) {
    throwIfStopped();
    const used = add(piece.length, piece.isLast);
    if (used === undefined) return false;
    piece.used = used;
    if (piece.isLast && used === piece.length) return true;
  }
  return false;
}

function sumByReader(fd: number, column: number, limits: ChunkLimits): bigint {
  const reader = new CsvReader(fd, limits.fieldBytesMax);
  const columns = readHeader(reader, limits).length;
  let total = 0n;
  const add = (index: number) => {
    if (index !== column) return;
    const { bytes, start, end, quoted } = reader;
    if (start === end && !quoted) return;
    const value = parseInteger(bytes, start, end);
    if (value === undefined) throw notA('an integer within int64', reader);
    total += BigInt(value);
  };
  while (readRow(reader, columns, limits, add));
  return total;
}

/** The fault of a field that does not hold what it should. */
export function notA(wanted: string, { bytes, start, end, line }: CsvReader): CsvFault {
  const head = bytes.subarray(start, Math.min(end, start + 40));
  // Streaming: a character that the cut has halved is left out.
  const shown = new TextDecoder().decode(head, { stream: true });
  const text = JSON.stringify(end - start > 40 ? `${shown}…` : shown);
  return new CsvFault(line, undefined, `${text} is not ${wanted}`);
}
