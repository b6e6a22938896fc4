import { symlinkSync } from 'node:fs';
import { cp, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { type BenchRun, inTurn } from '../bench-run.js';
import { scratchFolder } from '../clean-up.js';
import { largeTable } from '../data-sets/all-data-sets.js';
import type { DataSet } from '../data-sets/data-set.js';
import {
  allBestAttempts,
  isLong,
  peerSum,
  type SumWork,
  steadyMs,
  warmUp,
} from '../peers/best-setting.js';
import type { Attempt, LineUp } from '../peers/line-up.js';
import type { Format } from '../peers/peer-process.js';
import type { Comparison, SectionResult } from '../report/comparison.js';
import { uploadAll, withClients } from '../table-clients.js';
import { startTally } from '../tally-server.js';
import { type TallyTable, tableFiles, tallyTable } from '../tally-table.js';
import { tallySum } from './compare-sums.js';

const chunkCounts = [1, 10, 100, 400, 2000];
const chunkCountsQuick = [1, 10, 20, 40];
const threadCounts = [1, 2, 4, 8];
/** With so many chunks all numbers of threads are tried: enough for eight, and seconds for one. */
const threadsChunks = 100;
const threadsChunksQuick = 10;
const formats: readonly Format[] = ['parquet', 'csv'];
const column = 'y';

type Attempts = Readonly<Record<Format, readonly Attempt[]>>;

/** What is summed once, and by whom. */
interface Step {
  readonly title: string;
  readonly works: readonly SumWork[];
  readonly attempts: Attempts;
}

/** Sums of y over more and more chunks, then with more and more threads. */
export async function scaling(run: BenchRun): Promise<SectionResult> {
  const dataSet = await largeTable(run);
  const lineUp = run.lineUp();
  const table = await tallyTable(dataSet);
  const grown = scratchFolder();
  const peerFiles = scratchFolder();
  const { quick } = run.options;
  const byChunks: Comparison[] = [];
  const byThreads: Comparison[] = [];
  try {
    const best = await bestOnLargeTable(lineUp, dataSet, table);
    let uploaded = 0;
    for (const count of quick ? chunkCountsQuick : chunkCounts) {
      const dataDir = count === dataSet.csvFiles.length ? table.dataDir : grown.path;
      if (dataDir === grown.path) {
        // The large table need not be uploaded again to grow past it.
        if (count > dataSet.csvFiles.length && uploaded < dataSet.csvFiles.length) {
          await rm(grown.path, { recursive: true });
          await cp(table.dataDir, grown.path, { recursive: true });
          uploaded = dataSet.csvFiles.length;
        }
        await grow(dataDir, dataSet, uploaded, count);
        uploaded = count;
      }
      const step = await stepOf(lineUp, best, dataSet, dataDir, count, peerFiles.path);
      byChunks.push(...(await compareStep(run, dataDir, step)));
      if (count !== (quick ? threadsChunksQuick : threadsChunks)) continue;
      for (const threads of threadCounts) {
        byThreads.push(...(await compareStep(run, dataDir, withThreads(step, threads), threads)));
        // Each number of threads has a process of its own, which keeps memory.
        await lineUp.stop();
      }
    }
    return {
      comparisons: [...byChunks, ...byThreads],
      notes: [
        'Each peer reads Parquet from its own files in the layout that is its best for the large ' +
          "table, one file for up to 400 chunks, and CSV from Tally's files; past 400 chunks the " +
          'table has the same 400 again.',
        'Threads: --table-threads of Tally, and as many of each peer.',
      ],
    };
  } finally {
    await lineUp.stop();
    grown.remove();
    peerFiles.remove();
  }
}

/** Uploads the chunks from number `from` to number `to`, which begin again after the last. */
async function grow(dataDir: string, { csvFiles }: DataSet, from: number, to: number) {
  const server = await startTally({ dataDir });
  const added = Array.from({ length: to - from }, (_, i) => {
    const file = csvFiles[(from + i) % csvFiles.length] ?? '';
    return () => readFile(file);
  });
  await uploadAll(server.address, added, 4);
  await server.stop();
}

async function stepOf(
  lineUp: LineUp,
  best: Attempts,
  dataSet: DataSet,
  dataDir: string,
  count: number,
  peerFiles: string,
): Promise<Step> {
  const part = { ...dataSet, sums: { [column]: sumOfFirst(dataSet, count) } };
  const { csvFiles } = tableFiles(dataDir);
  const parquet: Attempt[] = [];
  for (const attempt of best.parquet) {
    const files = await ownFiles(lineUp, attempt, dataSet, count, peerFiles);
    parquet.push({ ...attempt, source: { ...attempt.source, files } });
  }
  const csv = best.csv.map((attempt) => ({
    ...attempt,
    source: { ...attempt.source, files: csvFiles },
  }));
  return {
    title: `${count.toLocaleString('en-US')} ${count === 1 ? 'chunk' : 'chunks'}`,
    works: formats.map((format) => ({ dataSet: part, format, column })),
    attempts: { parquet, csv },
  };
}

function withThreads({ title, works, attempts }: Step, threads: number): Step {
  const change = (attempt: Attempt) => ({ ...attempt, threads });
  return {
    title: `${title}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    works,
    attempts: { parquet: attempts.parquet.map(change), csv: attempts.csv.map(change) },
  };
}

/** Both formats, by a server that has just started. */
async function compareStep(
  run: BenchRun,
  dataDir: string,
  { title, works, attempts }: Step,
  threads?: number,
): Promise<readonly Comparison[]> {
  const flags = threads === undefined ? [] : ['--table-threads', String(threads)];
  const server = await startTally({ dataDir, flags });
  try {
    const comparisons: Comparison[] = [];
    for (const work of works) {
      const name = `${work.format} sum of ${work.column}, ${title}`;
      comparisons.push(await compare(run, server.address, name, work, attempts[work.format]));
    }
    return comparisons;
  } finally {
    await server.stop();
  }
}

/** A peer's own files of the first `count` chunks, which begin again after the last. */
async function ownFiles(
  lineUp: LineUp,
  { engine, source }: Attempt,
  { csvFiles, schema }: DataSet,
  count: number,
  folder: string,
): Promise<readonly string[]> {
  const whole = source.files[0];
  if (whole === undefined) throw new Error(`${engine} has no file of the large table`);
  const file = path.join(folder, `${engine}-${count}.parquet`);
  if (count === csvFiles.length) return [whole];
  if (count < csvFiles.length) {
    await lineUp.peer(engine).write(csvFiles.slice(0, count), schema, source.layout, file);
    return [file];
  }
  if (count % csvFiles.length !== 0) throw new Error(`${count} chunks are not whole tables`);
  // Names of their own: an engine may read a name once only, however often it is listed.
  const names = Array.from({ length: count / csvFiles.length }, (_, i) => `${file}.${i}.parquet`);
  for (const name of names) symlinkSync(whole, name);
  return names;
}

const sumOfFirst = ({ chunkSums }: DataSet, count: number) => {
  const sums = chunkSums[column] ?? [];
  return Array.from({ length: count }, (_, i) => sums[i % sums.length] ?? 0n).reduce(
    (sum, one) => sum + one,
    0n,
  );
};

/** Each peer's best setting for the large table. */
async function bestOnLargeTable(
  lineUp: LineUp,
  dataSet: DataSet,
  table: TallyTable,
): Promise<Attempts> {
  return {
    parquet: await allBestAttempts(lineUp, table, { dataSet, format: 'parquet', column }, ['own']),
    csv: await allBestAttempts(lineUp, table, { dataSet, format: 'csv', column }, ["Tally's"]),
  };
}

async function compare(
  run: BenchRun,
  address: string,
  title: string,
  work: SumWork,
  attempts: readonly Attempt[],
): Promise<Comparison> {
  const lineUp = run.lineUp();
  return withClients(address, 1, async ([client]) => {
    if (client === undefined) throw new Error('there is no connection');
    const contestants = [
      { name: 'Tally', samples: [] as number[], sum: () => tallySum(client, work) },
      ...(await Promise.all(
        attempts.map(async (attempt) => ({
          name: (await lineUp.describe(attempt.engine)).name,
          samples: [] as number[],
          sum: () => peerSum(lineUp, attempt, work),
        })),
      )),
    ];
    for (const { sum } of contestants) await warmUp(sum);
    await inTurn(run.options.rounds, contestants, async ({ samples, sum }) => {
      if (isLong(samples)) return;
      samples.push(await steadyMs(sum));
    });
    console.log(title, Object.fromEntries(contestants.map((one) => [one.name, one.samples])));
    return {
      work: title,
      unit: 'ms',
      better: 'lower',
      contestants: contestants.map(({ name, samples }) => ({ name, setting: '', samples })),
      bars: [],
    };
  });
}
