import type { Semaphore } from 'async-mutex';
import { appendToFile } from './files.js';

/** The bytes of a file in the order of the file, all there already or still on their way. */
export type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** How many bytes of small pieces are gathered for one write: what each stream may hold back. */
const gatherBytes = 64 * 1024;

/**
 * Writes pieces to a new file, each before the next one is asked for.
 *
 * A slot is held, and the file is open, while bytes are written only: a client that sends slowly,
 * or nothing for hours, keeps no other upload waiting.
 */
export async function spool(file: string, pieces: Pieces, slots: Semaphore): Promise<void> {
  for await (const bytes of gathered(pieces)) {
    await slots.runExclusive(() => appendToFile(file, bytes));
  }
}

/**
 * The same bytes in pieces of useful size, and at least one, which may be empty.
 *
 * What it yields is overwritten once the next piece is asked for.
 */
async function* gathered(pieces: Pieces): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(gatherBytes);
  let used = 0;
  for await (const piece of pieces) {
    if (used + piece.length > gatherBytes) {
      yield buffer.subarray(0, used);
      used = 0;
    }
    if (piece.length > gatherBytes) {
      yield piece;
    } else {
      buffer.set(piece, used);
      used += piece.length;
    }
  }
  yield buffer.subarray(0, used);
}
