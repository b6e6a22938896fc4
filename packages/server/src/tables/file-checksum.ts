import { fstatSync } from 'node:fs';
import { crc32c } from '@node-rs/crc32';
import { kernels, readPieces, upTo } from './kernel.js';

/** Bytes of a file that are read at a time. */
const pieceBytes = 256 * 1024;

/** CRC32C of a file; `onPiece` is told how many bytes were read, and may throw to end it. */
export function fileCrc32c(fd: number, onPiece: (bytes: number) => void): number {
  const { input } = kernels;
  let checksum = 0;
  for (const piece of readPieces(fd, input, 0, upTo(fstatSync(fd).size), pieceBytes)) {
    onPiece(piece.length);
    checksum = crc32c(input.subarray(0, piece.length), checksum);
    piece.used = piece.length;
  }
  return checksum;
}

/** Throws an Error, the end of a sentence on the file, if its CRC32C is not `expected`. */
export function checkFileCrc32c(fd: number, expected: number, onPiece: () => void): void {
  const found = fileCrc32c(fd, onPiece);
  if (found !== expected) throw new Error(wrongCrc32c(found, expected));
}

/** What is wrong with a file whose CRC32C is `found`, and was `expected`. */
export function wrongCrc32c(found: number, expected: number): string {
  return `its CRC32C is ${hex(found)}, and was ${hex(expected)} when it was written`;
}

const hex = (checksum: number) => checksum.toString(16).padStart(8, '0');
