import { setTimeout as delay } from 'node:timers/promises';
import { type BenchRun, inTurn } from '../bench-run.js';
import { loadAverage } from '../machine.js';
import { killedIn } from '../memory/group-memory.js';
import { startInGroup } from '../memory/limited-server.js';
import { MemorySampler, totalOf } from '../memory/memory-sampler.js';
import { whileAttacked } from '../overload/attacker-process.js';
import { type Attack, attacks } from '../overload/attacks.js';
import {
  type HealthyTurn,
  healthyTurn,
  numStoreCallsPerSecond,
  uploadsPerSecond,
} from '../overload/healthy-load.js';
import type { Comparison, SectionResult } from '../report/comparison.js';
import { percentile } from '../spread.js';

const quietName = 'Tally, quiet';
const timesQuietMax = 2;
const peakMBMax = 512;
/** How long an attack takes to be under way: a server has as much to do for as many clients who mean well. */
const onsetSeconds = 1;

/** What healthy clients see of a server, within 512 MB, while others attack it, and while none does. */
export async function overload({ options }: BenchRun): Promise<SectionResult> {
  const comparisons: Comparison[] = [];
  const notes: string[] = [];
  for (const attack of attacks) {
    const result = await underAttack(attack, options.rounds, options.seconds);
    comparisons.push(...result.comparisons);
    notes.push(...result.notes);
  }
  return {
    comparisons,
    notes: [
      `Healthy clients make ${numStoreCallsPerSecond} calls of NumStore a second, SetNum and Fact in ` +
        `turn, and ${uploadsPerSecond} uploads of 1,000 rows, on new connections in each turn. ` +
        'The server does not wait for the disk (`--durability os`): a sync that takes long, as now ' +
        'and then each does, would hide what the attack does. What bars compare is ' +
        `measured from ${onsetSeconds} s after the attack has begun; what comes before has a row of its own.`,
      ...notes,
    ],
  };
}

interface Turns {
  readonly numStoreMs: number[];
  readonly uploadMs: number[];
  /** Of the calls of both kinds while the attack begins. */
  readonly onsetMs: number[];
  readonly failures: string[];
  failed: number[];
}

const noTurns = (): Turns => ({
  numStoreMs: [],
  uploadMs: [],
  onsetMs: [],
  failures: [],
  failed: [],
});

async function underAttack(
  attack: Attack,
  rounds: number,
  seconds: number,
): Promise<SectionResult> {
  const server = await startInGroup(['--durability', 'os']);
  const sampler = new MemorySampler(server.group);
  const [attacked, quiet] = [noTurns(), noTurns()];
  const done: number[] = [];
  try {
    await healthyTurn(server.address, 1);
    await inTurn(rounds, [quiet, attacked], async (turns) => {
      await untilIdle(server.cpuMs);
      const turn = async () => {
        const onset = await healthyTurn(server.address, onsetSeconds);
        add(turns, onset, await healthyTurn(server.address, seconds));
      };
      if (turns === quiet) await turn();
      else done.push(await whileAttacked(server.address, attack, turn));
    });
    const peakMB = totalOf(sampler.takePeak().peak) / 1e6;
    const result = resultOf(attack, attacked, quiet, peakMB, killedIn(server.group), done);
    console.log(
      `${attack.name}: ${result.notes.join(' ')} Load average ${loadAverage().toFixed(1)}.`,
    );
    return result;
  } finally {
    sampler.stop();
    await server.stop();
  }
}

function add(turns: Turns, onset: HealthyTurn, { numStoreMs, uploadMs, ...lasting }: HealthyTurn) {
  const failures = [...onset.failures, ...lasting.failures];
  turns.numStoreMs.push(percentile(numStoreMs, 99));
  turns.uploadMs.push(percentile(uploadMs, 99));
  turns.onsetMs.push(percentile([...onset.numStoreMs, ...onset.uploadMs], 99));
  turns.failures.push(...failures);
  turns.failed.push(failures.length);
}

function resultOf(
  { name, extent }: Attack,
  attacked: Turns,
  quiet: Turns,
  peakMB: number,
  killed: number,
  done: readonly number[],
): SectionResult {
  const p99 = (
    work: string,
    samples: 'numStoreMs' | 'uploadMs' | 'onsetMs',
    bars: Comparison['bars'],
  ): Comparison => ({
    work: `${name}: ${work}, p99`,
    unit: 'ms',
    better: 'lower',
    contestants: [
      { name: 'Tally', setting: '', samples: attacked[samples] },
      { name: quietName, setting: '', samples: quiet[samples] },
    ],
    bars,
  });
  const bars = [{ atMostTimes: timesQuietMax, of: quietName }];
  const counted = (work: string, unit: string, samples: readonly number[], atMost: number) => ({
    work: `${name}: ${work}`,
    unit,
    better: 'lower' as const,
    contestants: [{ name: 'Tally', setting: '', samples }],
    bars: [{ atMost }],
  });
  const why = [...new Set([...attacked.failures, ...quiet.failures])].slice(0, 3);
  return {
    comparisons: [
      p99('NumStore calls', 'numStoreMs', bars),
      p99('small uploads', 'uploadMs', bars),
      p99('all calls in its first second', 'onsetMs', []),
      counted('healthy calls that failed', 'calls', [...attacked.failed, ...quiet.failed], 0),
      counted('peak memory', 'MB', [peakMB], peakMBMax),
    ],
    notes: [
      `${name}: ${extent} (${done.join(', ')} done in the turns); ${killed} processes killed.` +
        (why.length === 0 ? '' : ` Healthy calls failed: ${why.join('; ')}.`),
    ],
  };
}

const idleCheckMs = 200;
const idleCpuMsMax = 20;
const idleWaitMsMax = 30_000;

/** Waits until the server has done what the turn before has left. */
async function untilIdle(cpuMs: () => number): Promise<void> {
  for (const endMs = performance.now() + idleWaitMsMax; performance.now() < endMs; ) {
    const before = cpuMs();
    await delay(idleCheckMs);
    if (cpuMs() - before <= idleCpuMsMax) return;
  }
}
