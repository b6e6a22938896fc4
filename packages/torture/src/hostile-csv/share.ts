import { mkdtempSync, rmSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Peer } from './answers.js';
import { addFailure, type Counts, count, noCounts } from './counts.js';
import { startDuckDb } from './duckdb-peer.js';
import { type Input, inputsOf } from './inputs.js';
import { judge, type Verdict } from './judge.js';
import { createServerCheck } from './over-grpc.js';
import { startPyarrow } from './pyarrow-peer.js';
import { shrink } from './shrink.js';
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

/** Inputs that are read at once: while one is in Tally, others are in a peer. */
const slots = 3;

/** A share with so many failures is over: more of them say the same. */
const failuresMax = 5;

/** Small ones, so that a file of a few rows has several row groups; in every other share. */
const rowGroupRows = [250_000, 8] as const;

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
    const judgeBytes = (bytes: Buffer) => judge(bytes, slot, tally, input.isCompared ? peers : []);
    const verdict = await judgeBytes(input.bytes);
    count(counts, input, verdict);
    if (verdict.failure !== undefined) {
      const [what, smallest] = await smallestFailure(input.bytes, verdict.failure, judgeBytes);
      addFailure(counts, input, what, smallest);
    } else if (verdict.tally !== undefined && isForServer(input, options)) {
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

const kindOf = (failure: string) => failure.split(':', 1)[0];

/** What is wrong with the smallest file found that fails in the same way, and that file. */
async function smallestFailure(
  bytes: Buffer,
  failure: string,
  judgeBytes: (bytes: Buffer) => Promise<Verdict>,
): Promise<[what: string, smallest: Buffer]> {
  let what = failure;
  const smallest = await shrink(bytes, async (smaller) => {
    const { failure: next } = await judgeBytes(smaller);
    if (next === undefined || kindOf(next) !== kindOf(failure)) return false;
    what = next;
    return true;
  });
  return [what, smallest];
}

const isForServer = (
  { number, isCompared }: Input,
  { inputsPerServerInput, shares }: ShareOptions,
) => isCompared && Math.floor(number / shares) % inputsPerServerInput === 0;
