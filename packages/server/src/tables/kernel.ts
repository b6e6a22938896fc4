import { fstatSync, readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { type CsvRows, createCsvRows, createKernels, type RowLimits } from '@tally/kernels';
import type { Extent } from './growth.js';

const { kernelsModule } = workerData as { kernelsModule: WebAssembly.Module };

/** This thread's instance of the kernels that sum: one file at a time goes through it. */
export const kernels = createKernels(kernelsModule);

let ofThread: { readonly rows: CsvRows; readonly limits: RowLimits } | undefined;

/** This thread's reader of all columns of a CSV file; the limits must be the same for all files. */
export function csvRows(limits: RowLimits): CsvRows {
  ofThread ??= { rows: createCsvRows(kernelsModule, limits), limits };
  const known = ofThread.limits;
  for (const name of limitNames) {
    if (known[name] !== limits[name]) throw new RangeError(`${name} was ${known[name]} before`);
  }
  return ofThread.rows;
}

const limitNames = [
  'fieldBytesMax',
  'rowBytesMax',
  'rowGroupRowsMax',
  'rowGroupBytesMax',
] as const satisfies (keyof RowLimits)[];

/** Bytes of a file in the kernels' input. */
export interface Piece {
  readonly length: number;
  /** Whether the file, or the part of it that is read, ends here. */
  readonly isLast: boolean;
  /** How many of the bytes were used: the rest is put in front of the next piece. */
  used: number;
}

/**
 * Reads a file from `from` on into `input`, `pieceBytes` at a time, as far as `extentAt` says.
 *
 * Ends without a last piece when so much is left unused that no more fits in.
 */
export function* readPieces(
  fd: number,
  input: Uint8Array,
  from: number,
  extentAt: (position: number) => Extent,
  pieceBytes: number,
): Generator<Piece> {
  let position = from;
  let kept = 0;
  for (let isLast = false; !isLast; ) {
    const { to, isEnd } = extentAt(position);
    const room = Math.min(Math.max(pieceBytes - kept, pieceBytes >> 1), input.length - kept);
    if (room === 0) return;
    const wanted = Math.min(to - position, room);
    const read = readSync(fd, input, kept, wanted, position);
    if (read === 0 && wanted > 0) throw new Error('it ends too early');
    position += read;
    isLast = isEnd && position === to;
    const piece = { length: kept + read, isLast, used: 0 };
    yield piece;
    input.copyWithin(0, piece.used, piece.length);
    kept = piece.length - piece.used;
  }
}

/** Of a file, or a part of it, that ends at `to` and is there already. */
export function upTo(to: number): () => Extent {
  return () => ({ to, isEnd: true });
}

/** Of a file that is there already. */
export const wholeFile = (fd: number) => upTo(fstatSync(fd).size);

/** Where the text of a CSV file begins: behind its byte order mark. */
export function csvTextStart(fd: number): number {
  const mark = Buffer.alloc(3);
  readSync(fd, mark, 0, 3, 0);
  return mark.equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0;
}
