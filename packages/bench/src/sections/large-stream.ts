import { TableDefinition, TableServiceDefinition, type UploadRequest } from '@tally/stubs';
import { createClient } from 'nice-grpc';
import { type BenchRun, inTurn } from '../bench-run.js';
import { makeChunks } from '../chunk.js';
import { killedIn } from '../memory/group-memory.js';
import { startInGroup } from '../memory/limited-server.js';
import { MemorySampler, totalOf } from '../memory/memory-sampler.js';
import type { Comparison, SectionResult } from '../report/comparison.js';
import { withChannels } from '../table-clients.js';
import { limited } from './memory.js';

const MB = 1_000_000;
const largeBytes = 2000 * MB;
const smallBytes = 200 * MB;
const quickFactor = 20;
/** The largest messages that fit into the 64 MiB that a server takes. */
const messageBytes = 60 * MB;
const pieceBytes = 128 * 1024;
const limitMB = 512;
/** What is left of the constant: heaps and buffers that are filled once. */
const memoryFactor = 1.2;

const unaryName = 'Tally, unary calls';
const smallName = 'Tally, a tenth of it';

/** A file of 2 GB in one stream, within 512 MB, beside unary calls and a smaller one. */
export async function largeStream({ options }: BenchRun): Promise<SectionResult> {
  const factor = options.quick ? quickFactor : 1;
  const bytes = { large: largeBytes / factor, small: smallBytes / factor };
  const file = repeatedFile();
  const contestants = [
    { name: 'Tally', upload: (to: string) => streamed(to, file, bytes.large) },
    { name: unaryName, upload: (to: string) => unary(to, file, bytes.large) },
    { name: smallName, upload: (to: string) => streamed(to, file, bytes.small) },
  ].map((one) => ({ ...one, rates: [] as number[], peaks: [] as number[] }));
  let killed = 0;
  let how = '';
  await inTurn(options.rounds, contestants, async ({ upload, rates, peaks }) => {
    const server = await startInGroup();
    const sampler = new MemorySampler(server.group);
    try {
      rates.push(await upload(server.address));
      peaks.push(totalOf(sampler.takePeak().peak) / MB);
      killed += killedIn(server.group);
      how = server.how;
    } finally {
      sampler.stop();
      await server.stop();
    }
  });
  const size = `${(bytes.large / MB).toLocaleString('en-US')} MB`;
  const rates: Comparison = {
    work: `${size} in one stream`,
    unit: 'MB/s',
    better: 'higher',
    contestants: contestants.map(({ name, rates }) => ({ name, setting: '', samples: rates })),
    bars: [{ timesBetterThan: unaryName, factor: 1 }],
  };
  const memory: Comparison = {
    work: 'peak memory',
    unit: 'MB',
    better: 'lower',
    contestants: contestants.map(({ name, peaks }) => ({ name, setting: '', samples: peaks })),
    bars: [{ atMostTimes: memoryFactor, of: smallName }, { atMost: limitMB }],
  };
  return {
    comparisons: [rates, memory, limited('processes killed', 'processes', killed, 0)],
    notes: [
      `${how}. Unary calls: the same rows, in messages of ${messageBytes / MB} MB, one after the ` +
        'other. Each upload is the first of a new server, and ends when both files are synced.',
    ],
  };
}

interface RepeatedFile {
  readonly header: Uint8Array;
  /** Whole lines, which a file of any size has again and again. */
  readonly rows: Uint8Array;
}

function repeatedFile(): RepeatedFile {
  const files = makeChunks(8).map(({ csv }) => csv);
  const headerBytes = (files[0]?.indexOf(0x0a) ?? 0) + 1;
  const header = files[0]?.subarray(0, headerBytes) ?? new Uint8Array();
  return { header, rows: Buffer.concat(files.map((csv) => csv.subarray(headerBytes))) };
}

/** One file of at least so many bytes in one stream; resolves to the rate in MB/s. */
function streamed(address: string, { header, rows }: RepeatedFile, bytes: number): Promise<number> {
  const times = Math.ceil(bytes / rows.length);
  const total = header.length + times * rows.length;
  async function* pieces(): AsyncGenerator<UploadRequest> {
    const csvBytesTotal = BigInt(total);
    yield { csvData: header, csvBytesTotal };
    for (let time = 0; time < times; time++) {
      for (let from = 0; from < rows.length; from += pieceBytes) {
        yield { csvData: rows.subarray(from, from + pieceBytes), csvBytesTotal };
      }
    }
  }
  return withChannels(address, 1, async ([channel]) => {
    if (channel === undefined) throw new Error('there is no connection');
    const startMs = performance.now();
    const reply = await createClient(TableServiceDefinition, channel).upload(pieces());
    const seconds = (performance.now() - startMs) / 1000;
    if (reply.error !== '') throw new Error(`the streamed upload failed: ${reply.error}`);
    if (reply.csvBytes !== BigInt(total)) {
      throw new Error(`${reply.csvBytes} bytes of ${total} were kept`);
    }
    return total / MB / seconds;
  });
}

/** At least so many bytes in unary calls, one after the other; resolves to the rate in MB/s. */
function unary(address: string, { header, rows }: RepeatedFile, bytes: number): Promise<number> {
  const times = Math.floor(messageBytes / rows.length);
  const csvData = Buffer.concat([header, ...Array.from({ length: times }, () => rows)]);
  const calls = Math.max(1, Math.ceil(bytes / csvData.length));
  return withChannels(address, 1, async ([channel]) => {
    if (channel === undefined) throw new Error('there is no connection');
    const client = createClient(TableDefinition, channel);
    const startMs = performance.now();
    for (let call = 0; call < calls; call++) {
      const { error } = await client.upload({ csvData });
      if (error !== '') throw new Error(`an upload failed: ${error}`);
    }
    return (calls * csvData.length) / MB / ((performance.now() - startMs) / 1000);
  });
}
