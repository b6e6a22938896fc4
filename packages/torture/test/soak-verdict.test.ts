import { expect, it } from 'vitest';
import type { Sample } from '../src/soak/sample.js';
import type { SoakRecord } from '../src/soak/soak-run.js';
import { foldersOf } from '../src/soak/soak-run.js';
import { findings, passes } from '../src/soak/soak-verdict.js';

const minutesInAll = 60;
const lives = foldersOf(minutesInAll).flat();
const samplesPerMinute = 10;

/** A run of an hour in which nothing happens, but for what is said. */
function record(
  change: (minutesInLife: number, minutes: number) => Partial<Sample> = () => ({}),
  rest: Partial<SoakRecord> = {},
): SoakRecord {
  const samples = lives.flatMap((lifeMinutes, life) =>
    Array.from({ length: lifeMinutes * samplesPerMinute }, (_, i): Sample => {
      const inLife = i / samplesPerMinute;
      const minutes = lives.slice(0, life).reduce((sum, one) => sum + one, inLife);
      const flat = { p50: 1, p99: 10 };
      return {
        minutes,
        life,
        groupMB: 400,
        anonymousMB: 200,
        peakMB: 250,
        openFiles: 60,
        threads: 23,
        latencies: { SetNum: flat, Fact: flat, 'small upload': flat },
        timerP99Ms: 2,
        ...change(inLife, minutes),
      };
    }),
  );
  return {
    minutes: minutesInAll,
    seed: 1,
    how: 'a control group',
    lives: lives.length,
    samples,
    numbersAcknowledged: 1,
    chunksAcknowledged: 1,
    killedForMemory: 0,
    violation: undefined,
    ...rest,
  };
}

const failing = (seen: SoakRecord) =>
  findings(seen)
    .filter(({ holds }) => holds === false)
    .map(({ what }) => what);

const p99 = (ms: number) => ({ p50: 1, p99: ms });
const flat = p99(10);

it('passes when nothing grows and nothing is wrong', () => {
  expect(failing(record())).toEqual([]);
  expect(passes(findings(record()))).toBe(true);
});

it('takes what grows in the first part of a long life for its start', () => {
  const start = record((minutes) => ({ anonymousMB: 150 + Math.min(minutes, 20) * 10 }));
  expect(failing(start)).toEqual([]);
});

it.each<[string, SoakRecord]>([
  [
    'growth of anonymous memory in the second half of a long life',
    record((minutes) => ({ anonymousMB: 150 + minutes * 3 })),
  ],
  ['peak memory, without page cache', record(() => ({ peakMB: 401 }))],
  ['peak memory, without page cache', record(undefined, { killedForMemory: 1 })],
  ['open files', record((minutes) => ({ openFiles: 60 + minutes * 3 }))],
  ['threads', record((minutes) => ({ threads: 20 + Math.floor(minutes) }))],
  [
    'p99 of Fact, last third of the run',
    record((_, minutes) => ({
      latencies: { SetNum: flat, Fact: p99(10 + minutes), 'small upload': flat },
    })),
  ],
  ['calls and data', record(undefined, { violation: 'the total is 1, not 2' })],
])('says of %s that it fails', (what, seen) => {
  expect(failing(seen)).toEqual([what]);
  expect(passes(findings(seen))).toBe(false);
});

it('allows for a machine that has become slower itself, and for single slow moments', () => {
  const slowMachine = record((_, minutes) => ({
    latencies: { SetNum: p99(10 + minutes), Fact: flat, 'small upload': flat },
    timerP99Ms: 2 + minutes / 5,
  }));
  expect(failing(slowMachine)).toEqual([]);
  const slowMoments = record((minutes) => ({
    latencies: {
      SetNum: p99(Math.floor(minutes * 10) % 5 === 0 ? 1000 : 10),
      Fact: flat,
      'small upload': flat,
    },
  }));
  expect(failing(slowMoments)).toEqual([]);
});

it('divides any time into short and long lives, the same in the first and in the last third', () => {
  const early = [2.5, 2.5, 2.5];
  expect(foldersOf(60)).toEqual([early, [45], early]);
  expect([1, 60, 61, 120, 600].map((minutes) => foldersOf(minutes).flat().length)).toEqual([
    7, 7, 14, 14, 70,
  ]);
});
