import { mkdtempSync, rmSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Peer } from './answers.js';
import { startDuckDb } from './duckdb-peer.js';
import { type Input, inputsOf } from './inputs.js';
import { judge } from './judge.js';
import { createServerCheck } from './over-grpc.js';
import { startPyarrow } from './pyarrow-peer.js';
import { asJavaScript, shrink } from './shrink.js';
import { startTally } from './tally-reading.js';

/** A part of a run, for one process. */
export interface ShareOptions {
  readonly seed: number;
  /** Compared inputs of the whole run. */
  readonly inputs: number;
  readonly share: number;
  readonly shares: number;
  /** A Python that has pyarrow; undefined: DuckDB is the only peer. */
  readonly python: string | undefined;
  /** One of so many compared inputs goes through a server too. */
  readonly inputsPerServerInput: number;
}

/** What has come out so far. */
export interface Counts {
  readonly peers: readonly string[];
  compared: number;
  readByAll: number;
  refusedByAll: number;
  differing: number;
  damaged: number;
  damagedRead: number;
  throughServer: number;
  sums: number;
  /** By peer and reason. */
  readonly known: Record<string, number>;
  readonly failures: Failure[];
}

/** An input with which something is wrong. */
export interface Failure {
  readonly number: number;
  readonly what: string;
  /** The smallest input found with which the same is wrong, as JavaScript. */
  readonly input: string;
}

/** Inputs that are read at once: while one is in Tally, others are in a peer. */
const slots = 3;

/** A share with so many failures is over: more of them say the same. */
const failuresMax = 5;

/** Small ones, so that a file of a few rows has several row groups; in every other share. */
const rowGroupRows = [250_000, 4] as const;

/** Gives the inputs of a share to Tally and its peers; `onProgress` is called after each. */
export async function runShare(
  options: ShareOptions,
  onProgress: (counts: Counts) => void,
): Promise<Counts> {
  const folder = mkdtempSync(path.join(await memoryFolder(), 'tally-hostile-csv-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const tally = await startTally(folder, rowGroupRows[options.share % 2] ?? rowGroupRows[0]);
  const peers = await startPeers(folder, options.python);
  const server = createServerCheck(folder);
  const counts = noCounts(peers);

  async function check(input: Input, slot: number): Promise<void> {
    const asked = input.isCompared ? peers : [];
    const verdict = await judge(input.bytes, slot, tally, asked);
    count(counts, input, verdict);
    if (verdict.failure !== undefined) {
      const kind = kindOf(verdict.failure);
      const smallest = await shrink(input.bytes, async (smaller) => {
        const { failure } = await judge(smaller, slot, tally, asked);
        return failure !== undefined && kindOf(failure) === kind;
      });
      const { failure = verdict.failure } = await judge(smallest, slot, tally, asked);
      addFailure(counts, input, failure, smallest);
    } else if (
      verdict.tally !== undefined &&
      isForServer(input, options.inputsPerServerInput, options.shares)
    ) {
      counts.throughServer++;
      const wrong = await server.check(input.bytes, verdict.tally);
      if (wrong !== undefined) addFailure(counts, input, `the server, ${wrong}`, input.bytes);
    }
  }

  const inputs = inputsOf(options.seed, options.inputs, options.share, options.shares);
  let isOver = false;
  const work = async (slot: number) => {
    for (;;) {
      const { value, done } = inputs.next();
      if (done || isOver || counts.failures.length >= failuresMax) return;
      try {
        await check(value, slot);
      } catch (error) {
        isOver = true;
        addFailure(counts, value, String(error), value.bytes);
      }
      onProgress(counts);
    }
  };
  try {
    await Promise.all(Array.from({ length: slots }, (_, slot) => work(slot)));
  } finally {
    await Promise.all([server, tally, ...peers].map((part) => part.close()));
    remove();
    process.off('exit', remove);
  }
  return counts;
}

/** Files that live for a millisecond need no disk. */
async function memoryFolder(): Promise<string> {
  return access('/dev/shm').then(
    () => '/dev/shm',
    () => tmpdir(),
  );
}

async function startPeers(folder: string, python: string | undefined): Promise<Peer[]> {
  const duckDb = await startDuckDb(folder);
  return python === undefined ? [duckDb] : [duckDb, await startPyarrow(python)];
}

function noCounts(peers: readonly Peer[]): Counts {
  return {
    peers: peers.map(({ name, version }) => `${name} ${version}`),
    ...{ compared: 0, readByAll: 0, refusedByAll: 0, differing: 0, damaged: 0, damagedRead: 0 },
    ...{ throughServer: 0, sums: 0 },
    known: {},
    failures: [],
  };
}

function count(counts: Counts, { isCompared }: Input, verdict: Awaited<ReturnType<typeof judge>>) {
  const isRefused = verdict.tally !== undefined && 'refusal' in verdict.tally;
  if (!isCompared) {
    counts.damaged++;
    if (!isRefused) counts.damagedRead++;
    return;
  }
  counts.compared++;
  counts.sums += verdict.sums;
  if (verdict.known.length > 0) counts.differing++;
  else if (isRefused) counts.refusedByAll++;
  else counts.readByAll++;
  for (const reason of verdict.known) counts.known[reason] = (counts.known[reason] ?? 0) + 1;
}

const kindOf = (failure: string) => failure.split(':', 1)[0];

const isForServer = ({ number, isCompared }: Input, every: number, shares: number) =>
  isCompared && Math.floor(number / shares) % every === 0;

function addFailure(counts: Counts, { number }: Input, what: string, input: Buffer): void {
  counts.failures.push({ number, what, input: asJavaScript(input) });
}
