import { closeSync, createReadStream, openSync, statSync, writeSync } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { type Stop, throwIfStopped } from './stop.js';

/** How far a gzip file may unpack. */
export interface UnpackLimits {
  readonly gzipBytesMax: number;
}

/** What is wrong with a gzip file, as a sentence. */
export class GzipFault extends Error {}

/** A file of text is seldom packed to less than a hundredth of its size. */
const expansionMax = 1000;

/** Bytes that zlib unpacks at a time. */
const chunkSize = 256 * 1024;

/**
 * Unpacks a gzip file (RFC 1952), of one member or several, into a new file, in constant memory.
 *
 * Throws GzipFault as soon as it is past a limit, or not whole or damaged, or if something follows
 * it; and StoppedError.
 */
export async function unpackFile(
  packedPath: string,
  unpackedPath: string,
  { gzipBytesMax }: UnpackLimits,
  stop: Stop,
): Promise<void> {
  const packedBytes = statSync(packedPath).size;
  const unpacked = openSync(unpackedPath, 'wx');
  const packed = createReadStream(packedPath, { highWaterMark: chunkSize });
  const gunzip = createGunzip({ chunkSize });
  // A pipeline would tell of a source that was not read to its end, and not of what was the reason.
  packed.on('error', (error) => gunzip.destroy(error)).pipe(gunzip);
  let bytes = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      throwIfStopped(stop);
      checkSize(bytes + chunk.length, packedBytes, gzipBytesMax);
      for (let written = 0; written < chunk.length; ) {
        written += writeSync(unpacked, chunk, written, chunk.length - written, bytes + written);
      }
      bytes += chunk.length;
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_') !== true) throw error;
    throw new GzipFault(`the file is no whole gzip file (RFC 1952): ${message}`);
  } finally {
    packed.destroy();
    closeSync(unpacked);
  }
  // zlib stops where zeros follow the last member, and says nothing.
  const rest = packedBytes - gunzip.bytesWritten;
  if (rest > 0) throw new GzipFault(`the gzip file goes on for ${rest} bytes behind its end`);
}

function checkSize(bytes: number, packedBytes: number, gzipBytesMax: number): void {
  if (bytes > gzipBytesMax) {
    throw new GzipFault(
      `the gzip file unpacks to more than ${gzipBytesMax} bytes (--gzip-bytes-max)`,
    );
  }
  if (bytes > packedBytes * expansionMax) {
    throw new GzipFault(
      `the gzip file has ${packedBytes} bytes and unpacks to more than ${expansionMax} times ` +
        'that: send it as it is before it is packed',
    );
  }
}
