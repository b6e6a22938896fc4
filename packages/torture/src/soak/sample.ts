import { readdirSync, readFileSync } from 'node:fs';
import { type GroupMemory, groupMemory, groupUsage } from '@tally/bench/group-memory';
import { type MemorySampler, totalOf } from '@tally/bench/memory-sampler';
import type { Latencies, Percentiles, TimedCall } from './latencies.js';
import { timedCalls } from './latencies.js';

/** What a server used and how fast it answered, at one time of the run. */
export interface Sample {
  /** Since the start of the run. */
  readonly minutes: number;
  /** The number of the server process, from 0. */
  readonly life: number;
  /** All that the group has, with its page cache. */
  readonly groupMB: number;
  readonly anonymousMB: number;
  /** The most since the last sample, without page cache. */
  readonly peakMB: number;
  readonly openFiles: number;
  readonly threads: number;
  readonly latencies: Readonly<Record<TimedCall, Percentiles | undefined>>;
  /** How late timers of this process came: what the machine itself costs. */
  readonly timerP99Ms: number | undefined;
}

/** The name under which lateness of timers is kept beside the calls. */
export const timerName = 'timer';

const megabytes = (bytes: number) => bytes / 1e6;

/** Looks at a server process and at its control group. */
export function takeSample(
  at: Pick<Sample, 'minutes' | 'life'>,
  pid: number,
  memory: MemorySampler,
  latencies: Latencies,
): Sample {
  const now: GroupMemory = groupMemory(memory.folder);
  return {
    ...at,
    groupMB: megabytes(groupUsage(memory.folder)),
    anonymousMB: megabytes(now.anonymous),
    peakMB: megabytes(totalOf(memory.takePeak().peak)),
    openFiles: readdirSync(`/proc/${pid}/fd`).length,
    threads: threadsOf(pid),
    latencies: Object.fromEntries(
      timedCalls.map((name) => [name, latencies.take(name)]),
    ) as Sample['latencies'],
    timerP99Ms: latencies.take(timerName)?.p99,
  };
}

function threadsOf(pid: number): number {
  return Number(/^Threads:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
