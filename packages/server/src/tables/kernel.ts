import { fstatSync, readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { type CsvRows, createCsvRows, createKernels, type RowLimits } from '@tally/kernels';

const { kernelsModule } = workerData as { kernelsModule: WebAssembly.Module };

/** This thread's instance of the kernels that sum: one file at a time goes through it. */
export const kernels = createKernels(kernelsModule);

let rowsOfThread: CsvRows | undefined;

/** This thread's reader of all columns of a CSV file; the limits are the same for all files. */
export function csvRows(limits: RowLimits): CsvRows {
  rowsOfThread ??= createCsvRows(kernelsModule, limits);
  return rowsOfThread;
}

/** Bytes of a file in the kernels' input. */
export interface Piece {
  readonly length: number;
  /** Whether the file, or the part of it that is read, ends here. */
  readonly isLast: boolean;
  /** How many of the bytes were used: the rest is put in front of the next piece. */
  used: number;
}

/**
 * Reads `[from, to)` of a file into `input`, `pieceBytes` at a time.
 *
 * Ends without a last piece when so much is left unused that no more fits in.
 */
export function* readPieces(
  fd: number,
  input: Uint8Array,
  { from, to }: { readonly from: number; readonly to: number },
  pieceBytes: number,
): Generator<Piece> {
  let position = from;
  let kept = 0;
  do {
    const room = Math.min(Math.max(pieceBytes - kept, pieceBytes >> 1), input.length - kept);
    if (room === 0) return;
    const wanted = Math.min(to - position, room);
    const read = readSync(fd, input, kept, wanted, position);
    if (read === 0 && wanted > 0) throw new Error('it ends too early');
    position += read;
    const piece = { length: kept + read, isLast: position === to, used: 0 };
    yield piece;
    input.copyWithin(0, piece.used, piece.length);
    kept = piece.length - piece.used;
  } while (position < to);
}

/** Where the text of a CSV file begins, behind its byte order mark, and where it ends. */
export function csvText(fd: number): { readonly from: number; readonly to: number } {
  const mark = Buffer.alloc(3);
  readSync(fd, mark, 0, 3, 0);
  const from = mark.equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0;
  return { from, to: fstatSync(fd).size };
}
