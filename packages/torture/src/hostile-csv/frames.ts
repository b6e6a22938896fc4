import type { Readable } from 'node:stream';

interface Waiter {
  readonly resolve: (frame: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Cuts a stream into frames, each behind its length in four bytes; they are given to those who
 * ask in the order in which they asked.
 */
export function createFrameReader(stream: Readable, name: string): () => Promise<Buffer> {
  const waiting: Waiter[] = [];
  let pieces = Buffer.alloc(0);
  let hasEnded = false;
  stream.on('data', (piece: Buffer) => {
    pieces = Buffer.concat([pieces, piece]);
    serve();
  });
  stream.once('end', () => {
    hasEnded = true;
    for (const { reject } of waiting.splice(0)) reject(new Error(`${name} has ended`));
  });

  function serve(): void {
    while (waiting.length > 0 && pieces.length >= 4) {
      const end = 4 + pieces.readUInt32LE();
      if (pieces.length < end) return;
      waiting.shift()?.resolve(pieces.subarray(4, end));
      pieces = pieces.subarray(end);
    }
  }

  return () =>
    new Promise((resolve, reject) => {
      if (hasEnded) reject(new Error(`${name} has ended`));
      waiting.push({ resolve, reject });
      serve();
    });
}
