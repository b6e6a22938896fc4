import { expect, it } from 'vitest';
import { runKills } from '../src/kill/kill-run.js';

const cycles = 10;
/** Its first 5 kills: soon after uploads twice, in a large one, without calls, and in a start. */
const seed = 25;

it.each(['fsync', 'os'] as const)(
  'loses and invents nothing when it is killed, with --durability %s',
  async (durability) => {
    const counts = await runKills({ cycles: cycles / 2, seed, durability });
    expect(counts.cycles).toBe(cycles / 2);
    // Otherwise nothing was at stake.
    expect(counts.numbers.acknowledged).toBeGreaterThan(0);
    expect(counts.chunks.acknowledged).toBeGreaterThan(0);
    expect(counts.numbers.kept + counts.numbers.notKept).toBeGreaterThan(0);
  },
  120_000,
);
