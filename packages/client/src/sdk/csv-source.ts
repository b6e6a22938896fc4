import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Bytes that come one after the other: a Readable, a web stream, or any async iterable; text is UTF-8. */
export type ByteStream =
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array | string>
  | ReadableStream<Uint8Array>;

/**
 * A CSV file: its path or file URL, its bytes, a stream of them, or a function that opens a stream.
 *
 * A stream can be read once only, so its upload has a single attempt; a function is called for each.
 */
export type CsvSource = string | URL | Uint8Array | ByteStream | (() => ByteStream);

/** A source that is looked at: its size if it is known, and whether it can be read again. */
export interface OpenSource {
  readonly bytes: number | undefined;
  readonly isRepeatable: boolean;
  /** The bytes, in pieces that suit a message; each is read when it is asked for. */
  pieces(): AsyncGenerator<Uint8Array, void, undefined>;
}

/** Below the smallest size to which a server can limit messages, 64 KiB. */
const pieceBytes = 60 * 1024;

/** Looks at a source. Throws Node's own error if it is a path of something that cannot be read. */
export async function openSource(source: CsvSource): Promise<OpenSource> {
  if (typeof source === 'string' || source instanceof URL) return openFile(source);
  if (source instanceof Uint8Array) {
    return { bytes: source.length, isRepeatable: true, pieces: () => cut([source]) };
  }
  if (typeof source === 'function') {
    return { bytes: undefined, isRepeatable: true, pieces: () => cut(source()) };
  }
  return { bytes: undefined, isRepeatable: false, pieces: () => cut(source) };
}

async function openFile(name: string | URL): Promise<OpenSource> {
  const path = typeof name === 'string' ? name : fileURLToPath(name);
  const found = await stat(path);
  const bytes = found.isFile() ? found.size : undefined;
  // What is written to the file from now on is not sent: the size is said before the first byte.
  const end = bytes === undefined ? undefined : { end: Math.max(bytes - 1, 0) };
  return {
    bytes,
    // A pipe, say, gives its bytes once.
    isRepeatable: bytes !== undefined,
    pieces: () =>
      bytes === 0 ? cut([]) : cut(createReadStream(path, { highWaterMark: pieceBytes, ...end })),
  };
}

async function* cut(stream: ByteStream): AsyncGenerator<Uint8Array, void, undefined> {
  // Node's web streams are async iterables, which their type does not say everywhere.
  for await (const piece of stream as AsyncIterable<unknown>) {
    const bytes = bytesOf(piece);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      yield bytes.subarray(at, at + pieceBytes);
    }
  }
}

function bytesOf(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece;
  if (typeof piece === 'string') return Buffer.from(piece);
  throw new TypeError(
    `A stream of a CSV file gave ${typeof piece}: Uint8Array and text are allowed.`,
  );
}
