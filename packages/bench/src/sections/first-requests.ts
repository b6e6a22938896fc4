import { spawn } from 'node:child_process';
import path from 'node:path';
import { type BenchRun, inTurn } from '../bench-run.js';
import { type Contender, pythonEnv, syncingReference, tally } from '../contenders.js';
import type { Bar, SectionResult } from '../report/comparison.js';
import { percentile } from '../spread.js';
import { root } from '../tally-server.js';

const earlierRounds = 5;

/** Percentiles of the 8 × 100 workload, in milliseconds. */
interface Latencies {
  readonly startMs: number;
  /** The first 800 requests that the server ever gets. */
  readonly firstP50Ms: number;
  readonly firstP99Ms: number;
  /** The 800 requests after five rounds of them, over the same connections. */
  readonly laterP50Ms: number;
  readonly laterP99Ms: number;
}

const atMost = (atMostTimes: number): readonly Bar[] => [{ atMostTimes, of: 'reference --fsync' }];

const measures: readonly (readonly [keyof Latencies, string, readonly Bar[]])[] = [
  ['firstP50Ms', 'first 800 requests, p50', atMost(1)],
  ['firstP99Ms', 'first 800 requests, p99', atMost(1.5)],
  ['laterP50Ms', '800 requests after 4,000, p50', atMost(1)],
  ['laterP99Ms', '800 requests after 4,000, p99', atMost(1)],
  ['startMs', 'start, until it serves', []],
];

/** What a Python client sees of a server that has just started, and of the same one later. */
export async function firstRequests(run: BenchRun): Promise<SectionResult> {
  const python = run.referencePython();
  const contestants = [tally, syncingReference(python)].map((contender) => ({
    contender,
    samples: [] as Latencies[],
  }));
  await inTurn(run.options.rounds, contestants, async ({ contender, samples }, round) => {
    samples.push(await measure(contender, python, round));
  });
  return {
    comparisons: measures.map(([measure, work, bars]) => ({
      work,
      unit: 'ms',
      better: 'lower',
      contestants: contestants.map(({ contender, samples }) => ({
        name: contender.name,
        setting: '',
        samples: samples.map((latencies) => latencies[measure]),
      })),
      bars,
    })),
    notes: [
      'SetNum and Fact at even odds by a client in Python: 8 connections with 100 requests each. ' +
        'Server and client are new processes in every round.',
    ],
  };
}

async function measure(contender: Contender, python: string, round: number): Promise<Latencies> {
  const server = await contender.start('numstore');
  try {
    const rounds = await runWorkload(python, server.address, round);
    const [first = [], later = []] = [rounds[0], rounds[earlierRounds]];
    return {
      startMs: server.startMs,
      firstP50Ms: percentile(first, 50),
      firstP99Ms: percentile(first, 99),
      laterP50Ms: percentile(later, 50),
      laterP99Ms: percentile(later, 99),
    };
  } finally {
    await server.stop();
  }
}

/** The latencies of each round of a new client process, which sends the same for the same seed. */
async function runWorkload(python: string, address: string, seed: number): Promise<number[][]> {
  const program = path.join(root, 'packages/bench/reference/workload.py');
  const port = address.slice(address.lastIndexOf(':') + 1);
  const args = ['--port', port, '--rounds', String(earlierRounds + 1), '--seed', String(seed)];
  const client = spawn(python, [program, ...args], {
    env: { ...process.env, ...pythonEnv },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  client.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const code = await new Promise((resolve, reject) => {
    client.once('error', reject);
    client.once('close', resolve);
  });
  if (code !== 0) throw new Error(`the workload's client ended with ${code}`);
  return JSON.parse(printed);
}
