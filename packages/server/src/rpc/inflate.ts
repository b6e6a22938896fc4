import { createGunzip, createInflate } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { Status } from 'nice-grpc';
import { failure, statusObject } from './rich-errors.js';

/** Deflate unpacks a byte to at most so many: 258 from 2 bits (RFC 1951, section 3.2.5). */
export const inflationMax = 1032;

/** What zlib unpacks at a time. */
const chunkSize = 64 * 1024;

/**
 * Unpacks bytes into one buffer of its own.
 *
 * Rejects with what grpc-js sends as the status of a call: in its own words, which message-size.ts
 * makes a sentence of, where there are more than `bytesMax`.
 */
export function inflate(bytes: Buffer, encoding: string, bytesMax: number): Promise<Buffer> {
  if (encoding !== 'gzip' && encoding !== 'deflate') {
    const sentence = `a message is compressed as ${encoding}: gzip, deflate and identity are allowed`;
    const reason = 'COMPRESSION_UNKNOWN';
    return Promise.reject(statusObject(failure(Status.UNIMPLEMENTED, sentence, { reason })));
  }
  return new Promise((resolve, reject) => {
    const inflater =
      encoding === 'gzip' ? createGunzip({ chunkSize }) : createInflate({ chunkSize });
    // Only what is written to takes memory.
    const inflated = Buffer.allocUnsafeSlow(bytesMax);
    let used = 0;
    inflater.on('error', () => {
      const reason = 'COMPRESSION_INVALID';
      const sentence = `a message is no valid ${encoding}`;
      reject(statusObject(failure(Status.INTERNAL, sentence, { reason })));
    });
    inflater.on('data', (part: Buffer) => {
      if (used + part.length > bytesMax) {
        inflater.destroy();
        const details = `Received message that decompresses to a size larger than ${bytesMax}`;
        return reject({ code: status.RESOURCE_EXHAUSTED, details });
      }
      used += part.copy(inflated, used);
    });
    inflater.on('end', () => resolve(inflated.subarray(0, used)));
    inflater.end(bytes);
  });
}
