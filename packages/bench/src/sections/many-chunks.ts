import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type BenchRun, inTurn } from '../bench-run.js';
import { scratchFolder } from '../clean-up.js';
import { killedIn } from '../memory/group-memory.js';
import { startInGroup } from '../memory/limited-server.js';
import { MemorySampler, totalOf } from '../memory/memory-sampler.js';
import type { Comparison, SectionResult } from '../report/comparison.js';
import { timedSum, uploadAll, withClients } from '../table-clients.js';
import { limited } from './memory.js';

const rows = 1_000_000;
const rowsQuick = 20_000;
const rowsOfSmall = 10;
const rowsOfLarge = 1000;
const uploadsAtOnce = 16;
const peakMBMax = 400;

interface Layout {
  readonly name: string;
  readonly dataDir: string;
  readonly chunks: number;
  readonly startMs: number[];
  readonly csvMs: number[];
  readonly parquetMs: number[];
  readonly peakMB: number[];
}

/** The same rows in very many small chunks and in fewer larger ones, each within 512 MB. */
export async function manyChunks({ options }: BenchRun): Promise<SectionResult> {
  const count = options.quick ? rowsQuick : rows;
  const scratch = scratchFolder();
  try {
    const layout = (name: string, rowsEach: number): Layout => ({
      name,
      dataDir: path.join(scratch.path, String(rowsEach)),
      chunks: count / rowsEach,
      startMs: [],
      csvMs: [],
      parquetMs: [],
      peakMB: [],
    });
    const large = count / rowsOfLarge;
    const layouts = [
      layout('Tally', rowsOfSmall),
      layout(`Tally, ${large.toLocaleString('en-US')} chunks`, rowsOfLarge),
    ];
    const notes: string[] = [];
    for (const one of layouts) notes.push(await write(one, count));
    let killed = 0;
    await inTurn(options.rounds, layouts, async (one) => {
      killed += await measure(one, count);
    });
    for (const one of layouts) notes.push(await makeIndexAnew(one));
    const many = `${(count / rowsOfSmall).toLocaleString('en-US')} chunks of ${rowsOfSmall} rows`;
    const compared = (
      work: string,
      unit: string,
      samples: (layout: Layout) => readonly number[],
    ): Comparison => ({
      work: `${work}, ${many}`,
      unit,
      better: 'lower',
      contestants: layouts.map((one) => ({ name: one.name, setting: '', samples: samples(one) })),
      bars: [],
    });
    return {
      comparisons: [
        compared('start', 'ms', ({ startMs }) => startMs),
        compared('Parquet sum', 'ms', ({ parquetMs }) => parquetMs),
        compared('CSV sum', 'ms', ({ csvMs }) => csvMs),
        { ...compared('peak memory', 'MB', ({ peakMB }) => peakMB), bars: [{ atMost: peakMBMax }] },
        limited('processes killed', 'processes', killed, 0),
      ],
      notes,
    };
  } finally {
    scratch.remove();
  }
}

/** Sums are of the first column; the second one is there to be left out. */
function* csvFiles(layout: Layout, count: number): Generator<Uint8Array> {
  const rowsEach = count / layout.chunks;
  for (let first = 0; first < count; first += rowsEach) {
    const lines = Array.from({ length: rowsEach }, (_, i) => `${first + i},${(first + i) * 7}\n`);
    yield Buffer.from(`x,y\n${lines.join('')}`);
  }
}

async function write(layout: Layout, count: number): Promise<string> {
  // What is measured is not the disk.
  const server = await startInGroup(['--durability', 'os'], layout.dataDir);
  const sampler = new MemorySampler(server.group);
  try {
    const files = [...csvFiles(layout, count)];
    const seconds = await uploadAll(server.address, files, uploadsAtOnce);
    const peakMB = totalOf(sampler.takePeak().peak) / 1e6;
    return (
      `${server.how}. ${layout.name}: uploaded at ${(layout.chunks / seconds).toFixed(0)} chunks/s ` +
      `(--durability os), with ${peakMB.toFixed(0)} MB at most.`
    );
  } finally {
    sampler.stop();
    await server.stop();
  }
}

/** Starts a server and has it sum in both formats; resolves to how many processes were killed. */
async function measure(layout: Layout, count: number): Promise<number> {
  const server = await startInGroup([], layout.dataDir);
  const sampler = new MemorySampler(server.group);
  try {
    layout.startMs.push(server.startMs);
    const wanted = (BigInt(count) * BigInt(count - 1)) / 2n;
    await withClients(server.address, 1, async ([client]) => {
      if (client === undefined) throw new Error('there is no connection');
      for (const format of ['parquet', 'csv'] as const) {
        const { ms, total } = await timedSum(client, 'x', format);
        if (total !== wanted) throw new Error(`the ${format} sum is ${total}, not ${wanted}`);
        layout[`${format}Ms`].push(ms);
      }
    });
    layout.peakMB.push(totalOf(sampler.takePeak().peak) / 1e6);
    return killedIn(server.group);
  } finally {
    sampler.stop();
    await server.stop();
  }
}

async function makeIndexAnew({ name, dataDir }: Layout): Promise<string> {
  await rm(path.join(dataDir, 'tables/default/index'), { recursive: true });
  const server = await startInGroup([], dataDir);
  await server.stop();
  return `${name}: a start that makes the index anew took ${(server.startMs / 1000).toFixed(1)} s.`;
}
