import { timedCalls } from './latencies.js';
import type { Sample } from './sample.js';
import type { SoakRecord } from './soak-run.js';
import { median, slope, thirds } from './trend.js';

/** One thing that must hold; undefined: the run was too short to tell. */
export interface Finding {
  readonly what: string;
  readonly seen: string;
  readonly allowed: string;
  readonly holds: boolean | undefined;
}

/**
 * The share of a life in which caches and heaps fill and code is compiled, which takes up to 20
 * minutes of a long one: what grows then is no leak, and a leak goes on after it.
 */
const warmShare = 0.5;
/** A fit over less is noise: the garbage collector alone moves 20 MB. */
const fitMinutesMin = 5;
const lifeSlopeMBPerHourMax = 150;
const medianSlopeMBPerHourMax = 60;
const peakMBMax = 400;
const openFilesGrowthMax = 10;
const threadsGrowthMax = 2;
/** The last third may be slower by this factor, and by as much more as timers of the machine are. */
const p99GrowthMax = 1.5;
/** Less is not worth a word, however much it is in proportion. */
const p99SlackMs = 5;

/** What the record shows of everything that a long run is for. */
export function findings(record: SoakRecord): readonly Finding[] {
  const lives = livesIn(record.samples);
  return [
    {
      what: 'calls and data',
      seen: record.violation ?? 'every call and all data were right',
      allowed: 'nothing wrong',
      holds: record.violation === undefined,
    },
    ...memoryFindings(record, lives),
    steady('open files', lives, ({ openFiles }) => openFiles, openFilesGrowthMax),
    steady('threads', lives, ({ threads }) => threads, threadsGrowthMax),
    ...timedCalls.map((name) =>
      p99Finding(name, record.samples, ({ latencies }) => latencies[name]?.p99),
    ),
  ];
}

export const passes = (all: readonly Finding[]) => all.every(({ holds }) => holds !== false);

/** The samples of each life after its first part. */
function livesIn(samples: readonly Sample[]): readonly (readonly Sample[])[] {
  const numbers = [...new Set(samples.map(({ life }) => life))];
  return numbers.map((number) => {
    const life = samples.filter((sample) => sample.life === number);
    return life.slice(Math.floor(life.length * warmShare));
  });
}

function memoryFindings(
  { samples, killedForMemory }: SoakRecord,
  lives: readonly (readonly Sample[])[],
): readonly Finding[] {
  const peak = Math.max(0, ...samples.map(({ peakMB }) => peakMB));
  const longLives = lives.filter((life) => minutesOf(life) >= fitMinutesMin);
  const slopes = longLives.map((life) =>
    slope(life.map(({ minutes, anonymousMB }) => ({ x: minutes / 60, y: anonymousMB }))),
  );
  const most = Math.max(...slopes);
  const middle = median(slopes);
  return [
    {
      what: 'peak memory, without page cache',
      seen: `${peak.toFixed(0)} MB, ${killedForMemory} processes killed`,
      allowed: `${peakMBMax} MB, none killed`,
      holds: peak <= peakMBMax && killedForMemory === 0,
    },
    {
      what: 'growth of anonymous memory in the second half of a long life',
      seen:
        slopes.length > 0
          ? `${slopes.map((one) => one.toFixed(0)).join(', ')} MB/h; median ${middle.toFixed(0)}`
          : 'no life was long enough to tell',
      allowed: `${lifeSlopeMBPerHourMax} MB/h; median ${medianSlopeMBPerHourMax}`,
      holds:
        slopes.length > 0
          ? most <= lifeSlopeMBPerHourMax && middle <= medianSlopeMBPerHourMax
          : undefined,
    },
  ];
}

const minutesOf = (life: readonly Sample[]) =>
  (life.at(-1)?.minutes ?? 0) - (life.at(0)?.minutes ?? 0);

/** Whether a count stays as it is within each life. */
function steady(
  what: string,
  lives: readonly (readonly Sample[])[],
  count: (sample: Sample) => number,
  growthMax: number,
): Finding {
  const growths = lives.map((life) => {
    const { first, last } = thirds(life.map(count));
    return last - first;
  });
  const most = Math.max(...lives.flat().map(count));
  return {
    what,
    seen: `${growths.map((growth) => growth.toFixed(0)).join(', ')} more in a life; ${most} at most`,
    allowed: `${growthMax} more`,
    holds: Math.max(...growths) <= growthMax,
  };
}

/** Medians over windows, so that a slow moment of the machine counts no more than any other. */
function p99Finding(
  name: string,
  samples: readonly Sample[],
  p99: (sample: Sample) => number | undefined,
): Finding {
  const thirdsOf = (value: (sample: Sample) => number | undefined) =>
    thirds(samples.map(value).filter((ms) => ms !== undefined));
  const { first, last } = thirdsOf(p99);
  const timers = thirdsOf(({ timerP99Ms }) => timerP99Ms);
  const machine = Math.max(1, timers.last / timers.first);
  const most = Math.max(first * p99GrowthMax * machine, first + p99SlackMs);
  return {
    what: `p99 of ${name}, last third of the run`,
    seen: `${last.toFixed(1)} ms, after ${first.toFixed(1)} ms in the first`,
    allowed: `${most.toFixed(1)} ms`,
    holds: last <= most,
  };
}
