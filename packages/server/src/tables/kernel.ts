import { readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { createKernels } from '@tally/kernels';

/** This thread's instance of the kernels: one file at a time goes through it. */
export const kernels = createKernels(
  (workerData as { kernelsModule: WebAssembly.Module }).kernelsModule,
);

/**
 * Reads `[from, to)` of a file into the kernels' input, `pieceBytes` at a time, for `use` to use.
 *
 * `use` is given how many bytes are there and whether they are the last, and returns how many it
 * has used, or undefined to end. What it leaves is put in front of what is read next. Returns
 * false if it ended, or left so much that no more fits in.
 */
export function readThrough(
  fd: number,
  from: number,
  to: number,
  pieceBytes: number,
  use: (length: number, isLast: boolean) => number | undefined,
): boolean {
  const { input } = kernels;
  let position = from;
  let kept = 0;
  do {
    const room = Math.min(Math.max(pieceBytes - kept, pieceBytes >> 1), input.length - kept);
    if (room === 0) return false;
    const wanted = Math.min(to - position, room);
    const read = readSync(fd, input, kept, wanted, position);
    if (read === 0 && wanted > 0) throw new Error('it ends too early');
    position += read;
    const length = kept + read;
    const used = use(length, position === to);
    if (used === undefined) return false;
    input.copyWithin(0, used, length);
    kept = length - used;
  } while (position < to);
  return kept === 0;
}
