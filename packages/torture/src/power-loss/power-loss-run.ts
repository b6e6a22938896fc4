import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { FileCall } from '../file-calls/journal.js';
import { randomFrom } from '../random.js';
import { checkDisk, ledgerOf } from './after-power-loss.js';
import { createDiskImage } from './disk-image.js';
import { choosePoints, type Point } from './points.js';

export interface PowerLossOptions {
  /** For the disks, one at a time. */
  readonly folder: string;
  readonly points: number;
  readonly seed: number;
  /** Only this one of the points, counted from 1. */
  readonly only?: number | undefined;
}

/** A point at which what a server made of the disk was wrong. */
export interface Violation {
  /** Counted from 1. */
  readonly number: number;
  readonly point: Point;
  readonly faults: readonly string[];
}

/** Lets power be lost at points of a journal, and checks what servers make of the disks. */
export async function* losePower(
  calls: readonly FileCall[],
  { folder, points, seed, only }: PowerLossOptions,
): AsyncGenerator<{ readonly point: Point; readonly violation: Violation | undefined }> {
  const image = createDiskImage();
  let replayed = 0;
  for (const [i, point] of choosePoints(calls, points, randomFrom(seed)).entries()) {
    for (; replayed < point.calls; replayed++) image.replay(calls[replayed] as FileCall);
    const number = i + 1;
    if (only !== undefined && only !== number) continue;
    const disk = path.join(folder, `point ${number}`);
    await mkdir(disk);
    // A seed of its own: one point alone gives the same disk.
    await image.writeTo(disk, point.remaining, randomFrom(seed + number));
    const faults = await checkDisk(disk, ledgerOf(calls.slice(0, point.calls)));
    await rm(disk, { recursive: true, force: true });
    yield { point, violation: faults.length > 0 ? { number, point, faults } : undefined };
  }
}
