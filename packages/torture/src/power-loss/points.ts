import type { CallKind, FileCall } from '../file-calls/journal.js';
import type { Random } from '../random.js';
import { type Remains, remains } from './disk-image.js';

/** A moment at which power is lost, and what the disk keeps. */
export interface Point {
  /** How many calls of the journal came before it. */
  readonly calls: number;
  readonly remaining: Remains;
}

/** Calls that decide what is on disk for good, and marks: points lie before and after them. */
const decisive: ReadonlySet<CallKind> = new Set(['sync', 'write synced', 'link', 'rename', 'mark']);

/**
 * Chooses `count` points: half of them right after an answer or around a decisive call, where
 * what must be there changes; the others anywhere. In the order of the journal.
 */
export function choosePoints(calls: readonly FileCall[], count: number, random: Random): Point[] {
  const around = new Set<number>();
  for (const [i, { kind }] of calls.entries()) {
    if (!decisive.has(kind)) continue;
    around.add(i + 1);
    if (kind !== 'mark') around.add(i);
  }
  const edges = [...around];
  const answers = edges.filter((at) => isAnswer(calls[at - 1]));
  const points: Point[] = [];
  for (let i = 0; i < count; i++) {
    const among = [answers, edges, undefined][i % 3];
    const at = among === undefined ? random(calls.length + 1) : among[random(among.length)];
    // What was just answered is lost most easily where nothing unsynced remains.
    const remaining = among === answers && random(2) === 0 ? 'nothing' : remains[random(3)];
    points.push({ calls: at ?? calls.length, remaining: remaining ?? 'nothing' });
  }
  return points.sort((a, b) => a.calls - b.calls);
}

const isAnswer = (call: FileCall | undefined) =>
  call?.kind === 'mark' && 'answered' in JSON.parse(call.data.toString());
