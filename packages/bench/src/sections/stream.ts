import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { type BenchRun, inTurn } from '../bench-run.js';
import { scratchFolder } from '../clean-up.js';
import { largeTable } from '../data-sets/all-data-sets.js';
import type { DataSet } from '../data-sets/data-set.js';
import { cores, wholeCsv } from '../peers/line-up.js';
import { type Engine, engines, PeerProcess } from '../peers/peer-process.js';
import type { Comparison, Contestant, SectionResult } from '../report/comparison.js';
import { medianOf } from '../report/verdict.js';
import { streamUpload } from '../stream-upload.js';
import { startTally } from '../tally-server.js';

/** So many chunks of the large table are 300 MB. */
const chunks = 80;
const memoryFactor = 4;

interface Conversion {
  readonly seconds: number;
  readonly peakMiB: number;
}

interface Converter {
  readonly name: string;
  readonly setting: string;
  readonly done: Conversion[];
  convert(): Promise<Conversion>;
}

/** One large CSV file to Parquet: streamed to Tally, and converted on the spot by the peers. */
export async function stream(run: BenchRun): Promise<SectionResult> {
  const { schema, file } = await largeFile(run);
  const converters: Converter[] = [
    { name: 'Tally', setting: '', done: [], convert: () => streamToTally(file) },
    ...(await peerConverters(run.peersPython(), file, schema)),
  ];
  await inTurn(run.options.rounds, converters, async ({ convert, done }) => {
    done.push(await convert());
  });
  return { comparisons: comparisonsOf(converters), notes: [peersNote] };
}

const peersNote =
  'The peers convert a local file and need not sync what they write; Tally gets it through gRPC, ' +
  'keeps it as CSV too, and syncs both files before its reply. Memory is the peak of each process ' +
  '(VmHWM); every conversion runs in a new one.';

async function largeFile(run: BenchRun) {
  const { schema, csvFiles, folder } = await largeTable(run);
  const part = path.join(folder, 'stream');
  await mkdir(part, { recursive: true });
  return { schema, file: await wholeCsv({ folder: part, csvFiles: csvFiles.slice(0, chunks) }) };
}

async function streamToTally(file: string): Promise<Conversion> {
  const server = await startTally();
  try {
    const seconds = await streamUpload(server.address, file);
    return { seconds, peakMiB: server.peakMiB() };
  } finally {
    await server.stop();
  }
}

async function peerConverters(python: string, file: string, schema: DataSet['schema']) {
  const converters: Converter[] = [];
  for (const engine of engines) {
    const peer = new PeerProcess(python, engine, cores);
    const { name, convertSettings } = await peer.describe();
    await peer.stop();
    for (const setting of convertSettings) {
      const convert = () => convertByPeer(python, engine, file, schema, setting);
      converters.push({ name, setting, done: [], convert });
    }
  }
  return converters;
}

async function convertByPeer(
  python: string,
  engine: Engine,
  file: string,
  schema: DataSet['schema'],
  setting: string,
): Promise<Conversion> {
  const folder = scratchFolder();
  const peer = new PeerProcess(python, engine, cores);
  try {
    await peer.describe();
    return await peer.convert(file, schema, setting, path.join(folder.path, 'to.parquet'));
  } finally {
    await peer.stop();
    folder.remove();
  }
}

function comparisonsOf(converters: readonly Converter[]): readonly Comparison[] {
  const contestants = (value: (conversion: Conversion) => number): readonly Contestant[] =>
    converters.map(({ name, setting, done }) => ({ name, setting, samples: done.map(value) }));
  const times = contestants(({ seconds }) => seconds);
  const fastest = times.slice(1).toSorted((a, b) => medianOf(a) - medianOf(b))[0];
  if (fastest === undefined) throw new Error('no peer took part');
  // The bar is for the memory of whoever is fastest, at the setting that makes it so.
  const memory = contestants(({ peakMiB }) => peakMiB).map((contestant) =>
    contestant.name === fastest.name && contestant.setting === fastest.setting
      ? { ...contestant, name: `${contestant.name}, the fastest` }
      : contestant,
  );
  const timeBar = { timesBetterThan: fastest.name, factor: 1 };
  const memoryBar = { timesBetterThan: `${fastest.name}, the fastest`, factor: memoryFactor };
  return [
    { work: 'conversion', unit: 's', better: 'lower', contestants: times, bars: [timeBar] },
    {
      work: 'its peak memory',
      unit: 'MiB',
      better: 'lower',
      contestants: memory,
      bars: [memoryBar],
    },
  ];
}
