import { crc32c } from '@node-rs/crc32';
import type { Semaphore } from 'async-mutex';
import { syncPath } from '../sync-path.js';
import { appendToFile } from './files.js';

/** The bytes of a file in the order of the file, all there already, in one piece or more, or on their way. */
export type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** How many bytes of small pieces are gathered for one write: what each stream may hold back. */
const gatherBytes = 256 * 1024;

/** What is spooled is put on the disk while more comes, that much at a time. */
const syncBytes = 32 * 1024 * 1024;

export interface SpoolOptions {
  /** Bounds the files that are open. */
  readonly slots: Semaphore;
  /** Whether the file is to be on the disk in the end: then most of it is before. */
  readonly sync: boolean;
  /** Told how large the file is, each time it has grown. */
  readonly onGrowth: (bytes: number) => void;
  /** Told when all pieces are in the file, which may not be on the disk yet. */
  readonly onWritten: () => void;
}

/** What a spooled file holds. */
export interface Spooled {
  readonly bytes: number;
  /** CRC32C (RFC 3720, appendix B.4) of its bytes as they came, before any disk had them. */
  readonly crc32c: number;
}

/**
 * Writes pieces to a new file, each before the next one is asked for.
 *
 * A slot is held, and the file is open, while bytes are written or synced only: a client that
 * sends slowly, or nothing for hours, keeps no other upload waiting.
 */
export async function spool(file: string, pieces: Pieces, options: SpoolOptions): Promise<Spooled> {
  const { slots, sync, onGrowth, onWritten } = options;
  let size = 0;
  let checksum = 0;
  let nextSync = syncBytes;
  // One at a time; its error is thrown at the end.
  let syncing: Promise<void> | undefined;
  let syncError: { readonly error: unknown } | undefined;

  function startSync(): void {
    nextSync = size + syncBytes;
    syncing = slots
      .runExclusive(() => syncPath(file, 'upload'))
      .catch((error: NodeJS.ErrnoException) => {
        // Once it is complete the file may be moved to its place, and is synced there as a whole.
        if (error.code !== 'ENOENT') syncError ??= { error };
      })
      .then(() => {
        syncing = undefined;
      });
  }

  try {
    for await (const bytes of gathered(pieces)) {
      checksum = crc32c(bytes, checksum);
      await slots.runExclusive(() => appendToFile(file, bytes));
      size += bytes.length;
      onGrowth(size);
      if (sync && syncing === undefined && size >= nextSync) startSync();
    }
    onWritten();
  } finally {
    await syncing;
  }
  if (syncError !== undefined) throw syncError.error;
  return { bytes: size, crc32c: checksum };
}

/**
 * The same bytes in pieces of useful size, and at least one, which may be empty; what is there
 * already stays as it is.
 *
 * What it yields is overwritten once the next piece is asked for.
 */
async function* gathered(pieces: Pieces): AsyncGenerator<Uint8Array> {
  if (Symbol.iterator in pieces) {
    // All there already: there is nothing to wait for, and no reason for a copy.
    yield* pieces;
    return;
  }
  let buffer: Uint8Array | undefined;
  let used = 0;
  let isEmpty = true;
  for await (const piece of pieces) {
    if (used > 0 && used + piece.length > gatherBytes) {
      yield (buffer as Uint8Array).subarray(0, used);
      used = 0;
    }
    isEmpty &&= piece.length === 0;
    if (piece.length > gatherBytes) {
      yield piece;
    } else {
      buffer ??= new Uint8Array(gatherBytes);
      buffer.set(piece, used);
      used += piece.length;
    }
  }
  if (used > 0 || isEmpty) yield buffer?.subarray(0, used) ?? new Uint8Array();
}
