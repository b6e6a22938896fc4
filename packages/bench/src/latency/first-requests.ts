import { spawn } from 'node:child_process';
import { inTurn, type Samples } from './in-turn.js';
import {
  type MeasuredServer,
  pythonEnv,
  startReference,
  startTally,
  workloadProgram,
} from './measured-server.js';

export interface FirstRequestsOptions {
  /** A Python with the packages of examples/python/requirements.txt. */
  readonly python: string;
  readonly rounds: number;
  /** More flags for Tally. */
  readonly tallyFlags?: readonly string[];
}

/** Percentiles of the 8 × 100 workload, in milliseconds. */
export interface FirstRequests {
  readonly startMs: number;
  /** The first 800 requests that the server ever gets. */
  readonly firstP50Ms: number;
  readonly firstP99Ms: number;
  /** The 800 requests after five rounds of them, over the same connections. */
  readonly laterP50Ms: number;
  readonly laterP99Ms: number;
}

const earlierRounds = 5;

/**
 * Latencies of the 8 × 100 workload that a Python client sees of a server that has just started,
 * and after five rounds of it. Tally and the reference take turns, each time as new processes.
 */
export function measureFirstRequests(
  options: FirstRequestsOptions,
): Promise<Samples<'tally' | 'reference', FirstRequests>> {
  return inTurn(options.rounds, {
    tally: (round) => measure(() => startTally(options.tallyFlags), options.python, round),
    reference: (round) => measure(() => startReference(options.python), options.python, round),
  });
}

async function measure(
  start: () => Promise<MeasuredServer>,
  python: string,
  round: number,
): Promise<FirstRequests> {
  const server = await start();
  try {
    const rounds = await runWorkload(python, server.port, round);
    const first = rounds[0] ?? [];
    const later = rounds[earlierRounds] ?? [];
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

/** The smallest value that at least `percent` % of all values do not exceed (nearest rank). */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? Number.NaN;
}

/** The latencies of each round of a new client process, which sends the same for the same seed. */
async function runWorkload(python: string, port: number, seed: number): Promise<number[][]> {
  const rounds = String(earlierRounds + 1);
  const args = ['--port', String(port), '--rounds', rounds, '--seed', String(seed)];
  const client = spawn(python, [workloadProgram, ...args], {
    env: { ...process.env, ...pythonEnv },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { out: '', err: '' };
  client.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed.out += text;
  });
  client.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.err += text;
  });
  const code = await new Promise((resolve, reject) => {
    client.once('error', reject);
    client.once('close', resolve);
  });
  if (code !== 0) throw new Error(`the workload's client failed: ${printed.err}`);
  return JSON.parse(printed.out);
}
