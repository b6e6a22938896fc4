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
  const pieces = readPieces(fd, kernels.input, csvTextStart(fd), wholeFile(fd), pieceBytes);
  for (const piece of pieces) {
    throwIfStopped();
    const used = summer.add(piece.length, piece.isLast);
    if (used === undefined) break;
    piece.used = used;
    if (piece.isLast && used === piece.length) return summer.total();
  }
  // The kernel does not say where a fault is, and has room for fields of 2 MiB.
  return sumByReader(fd, column, limits);
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
    if (value === undefined) throw notAnInteger(reader);
    total += BigInt(value);
  };
  while (readRow(reader, columns, limits, add));
  return total;
}

function notAnInteger({ bytes, start, end, line }: CsvReader): CsvFault {
  const head = bytes.subarray(start, Math.min(end, start + 40));
  // Streaming: a character that the cut has halved is left out.
  const shown = new TextDecoder().decode(head, { stream: true });
  const text = JSON.stringify(end - start > 40 ? `${shown}…` : shown);
  return new CsvFault(line, undefined, `${text} is not an integer within int64`);
}
