import type { Random } from '../random.js';

/** When the server is killed that is under load. */
export interface KillInstant {
  /** Once so many of the load's uploads were acknowledged; Infinity: once every call has its answer. */
  readonly afterChunks: number;
  /** So many ms after that. */
  readonly thenMs: number;
}

/** What happens to the server in one cycle, and when. */
export interface CyclePlan {
  /** Whether one of the uploads is large, so that it is converted while it comes. */
  readonly large: boolean;
  readonly kill: KillInstant;
  /** Starts that are killed so many ms after they began, before the one that is checked. */
  readonly startKillsMs: readonly number[];
  /** The table's index, which can be lost, is removed before these starts. */
  readonly losesIndex: boolean;
}

const busyMsMax = 300;
const chunksMax = 8;
/** About what an upload takes on a warm server. */
const afterChunkMsMax = 15;
/** A large upload takes longer: its spool, its conversion and its commit are all to be hit. */
const largeMsMax = 800;
/** A start takes about as long on a quiet machine of two cores. */
const startMsMax = 450;
const startKillsMax = 2;

/**
 * Chooses what to hit: of 20 cycles, about 4 any instant of a load, 7 one soon after an upload, 2 a
 * large upload, 3 a server without calls, 4 starts.
 */
export function planCycle(random: Random): CyclePlan {
  const kind = random(20);
  const calm = { large: false, startKillsMs: [], losesIndex: false };
  const within = (ms: number): KillInstant => ({ afterChunks: 0, thenMs: random(ms) });
  if (kind < 4) return { ...calm, kill: within(busyMsMax) };
  if (kind < 11) {
    const afterChunks = 1 + random(chunksMax);
    return { ...calm, kill: { afterChunks, thenMs: random(afterChunkMsMax) } };
  }
  if (kind < 13) return { ...calm, large: true, kill: within(largeMsMax) };
  if (kind < 16) return { ...calm, kill: { afterChunks: Number.POSITIVE_INFINITY, thenMs: 0 } };
  const startKillsMs = Array.from({ length: 1 + random(startKillsMax) }, () => random(startMsMax));
  return { ...calm, kill: within(busyMsMax), startKillsMs, losesIndex: random(2) === 0 };
}
