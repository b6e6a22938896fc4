import { symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type BenchRun, inTurn } from '../bench-run.js';
import { scratchFolder } from '../clean-up.js';
import { largeTable } from '../data-sets/all-data-sets.js';
import type { DataSet } from '../data-sets/data-set.js';
import {
  type Attempt,
  allBestAttempts,
  peerSum,
  type SumWork,
  steadyMs,
  warmUp,
} from '../peers/best-setting.js';
import { LineUp } from '../peers/line-up.js';
import type { Format } from '../peers/peer-process.js';
import type { Comparison, SectionResult } from '../report/comparison.js';
import { uploadAll, withClients } from '../table-clients.js';
import { startTally } from '../tally-server.js';
import { tableFiles, tallyTable } from '../tally-table.js';
import { tallySum } from './compare-sums.js';

const chunkCounts = [1, 10, 100, 400, 2000];
const chunkCountsQuick = [1, 10, 20];
const threadCounts = [1, 2, 4, 8];
const formats: readonly Format[] = ['parquet', 'csv'];
const column = 'y';

type Attempts = Readonly<Record<Format, readonly Attempt[]>>;

/** Sums of y over more and more chunks, then with more and more threads. */
export async function scaling(run: BenchRun): Promise<SectionResult> {
  const dataSet = await largeTable(run);
  const lineUp = new LineUp(run.peersPython());
  try {
    const attempts = await bestOnLargeTable(lineUp, dataSet);
    return {
      comparisons: [
        ...(await byChunks(run, lineUp, dataSet, attempts)),
        ...(await byThreads(run, lineUp, dataSet, attempts)),
      ],
      notes: [
        'Each peer reads Parquet from its own files in the layout that is its best for the large ' +
          "table, one file for up to 400 chunks, and CSV from Tally's files; past 400 chunks the " +
          'table has the same 400 again.',
        'Threads: --table-threads of Tally, and as many of each peer.',
      ],
    };
  } finally {
    await lineUp.stop();
  }
}

/** One table that grows, so that every chunk is uploaded once. */
async function byChunks(
  run: BenchRun,
  lineUp: LineUp,
  dataSet: DataSet,
  attempts: Attempts,
): Promise<readonly Comparison[]> {
  const peerFiles = scratchFolder();
  const data = scratchFolder();
  const server = await startTally({ dataDir: data.path, sumCache: 'off' });
  const comparisons: Comparison[] = [];
  let uploaded = 0;
  try {
    for (const count of run.options.quick ? chunkCountsQuick : chunkCounts) {
      const added = Array.from({ length: count - uploaded }, (_, i) => {
        const file = dataSet.csvFiles[(uploaded + i) % dataSet.csvFiles.length] ?? '';
        return () => readFile(file);
      });
      await uploadAll(server.address, added, 4);
      uploaded = count;
      const grown = { ...dataSet, sums: { [column]: sumOfFirst(dataSet, count) } };
      const { csvFiles } = tableFiles(data.path);
      for (const format of formats) {
        const work: SumWork = { dataSet: grown, format, column };
        const grownAttempts: Attempt[] = [];
        for (const attempt of attempts[format]) {
          const files =
            format === 'csv'
              ? csvFiles
              : await ownFiles(lineUp, attempt, dataSet, count, peerFiles.path);
          grownAttempts.push({ ...attempt, source: { ...attempt.source, files } });
        }
        const title = `${format} sum of ${column}, ${count.toLocaleString('en-US')} ${count === 1 ? 'chunk' : 'chunks'}`;
        comparisons.push(await compare(run, lineUp, server.address, title, work, grownAttempts));
      }
    }
  } finally {
    await server.stop();
    data.remove();
    peerFiles.remove();
  }
  return comparisons;
}

async function byThreads(
  run: BenchRun,
  lineUp: LineUp,
  dataSet: DataSet,
  attempts: Attempts,
): Promise<readonly Comparison[]> {
  const table = await tallyTable(dataSet);
  const comparisons: Comparison[] = [];
  for (const threads of threadCounts) {
    const server = await startTally({
      dataDir: table.dataDir,
      sumCache: 'off',
      flags: ['--table-threads', String(threads)],
    });
    for (const format of formats) {
      const work: SumWork = { dataSet, format, column };
      const own = attempts[format].map((attempt) => ({ ...attempt, threads }));
      const title =
        `${format} sum of ${column}, ${dataSet.csvFiles.length} chunks, ` +
        `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
      comparisons.push(await compare(run, lineUp, server.address, title, work, own));
    }
    await server.stop();
  }
  return comparisons;
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
async function bestOnLargeTable(lineUp: LineUp, dataSet: DataSet): Promise<Attempts> {
  const table = await tallyTable(dataSet);
  return {
    parquet: await allBestAttempts(lineUp, table, { dataSet, format: 'parquet', column }, ['own']),
    csv: await allBestAttempts(lineUp, table, { dataSet, format: 'csv', column }, ["Tally's"]),
  };
}

async function compare(
  { options }: BenchRun,
  lineUp: LineUp,
  address: string,
  title: string,
  work: SumWork,
  attempts: readonly Attempt[],
): Promise<Comparison> {
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
    await inTurn(options.rounds, contestants, async ({ samples, sum }) => {
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
