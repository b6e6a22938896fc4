import type { Random } from '../random.js';

/** What happens to the server in one cycle, and when. */
export interface CyclePlan {
  /** Whether one of the uploads is large, so that it is converted while it comes. */
  readonly large: boolean;
  /** From the start of the load to its kill; `idle`: once every call has its answer. */
  readonly killMs: number | 'idle';
  /** Starts that are killed so many ms after they began, before the one that is checked. */
  readonly startKillsMs: readonly number[];
  /** The table's index, which can be lost, is removed before these starts. */
  readonly losesIndex: boolean;
}

const busyMsMax = 300;
/** A large upload takes longer: its spool, its conversion and its commit are all to be hit. */
const largeMsMax = 800;
/** A start takes about as long on a quiet machine of two cores. */
const startMsMax = 450;
const startKillsMax = 2;

/** Chooses what to hit: of 20 cycles, about 11 a load, 2 a large upload, 3 an idle server, 4 starts. */
export function planCycle(random: Random): CyclePlan {
  const kind = random(20);
  const calm = { large: false, startKillsMs: [], losesIndex: false };
  if (kind < 11) return { ...calm, killMs: random(busyMsMax) };
  if (kind < 13) return { ...calm, large: true, killMs: random(largeMsMax) };
  if (kind < 16) return { ...calm, killMs: 'idle' };
  const startKillsMs = Array.from({ length: 1 + random(startKillsMax) }, () => random(startMsMax));
  return { ...calm, killMs: random(busyMsMax), startKillsMs, losesIndex: random(2) === 0 };
}
