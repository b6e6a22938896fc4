import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { TableClient } from '@tally/stubs';
import type { BenchRun } from '../bench-run.js';
import { type Chunk, columns, makeChunks } from '../chunk.js';
import { killedIn } from '../memory/group-memory.js';
import { largeMessages } from '../memory/large-messages.js';
import { type LimitedServer, startLimited } from '../memory/limited-server.js';
import { MemorySampler, totalOf } from '../memory/memory-sampler.js';
import type { Comparison, SectionResult } from '../report/comparison.js';
import { timedSum, withClients } from '../table-clients.js';

const uploadsAtOnce = 8;
const peakMBMax = 400;
/** What large messages may take besides: the limit itself. */
const limitMB = 512;
/** Rounds of large messages. */
const largeRounds = 3;
/** How often every column is summed in both formats while uploads go on. */
const sumRounds = 3;
/** What a chunk takes in both formats, with some to spare. */
const diskBytesPerChunk = 7_000_000;
/** As many different chunks as the benchmark keeps in memory; they come again and again. */
const chunksHeld = 40;

/** Uploads and sums within a control group of 512 MB. */
export async function memory({ options }: BenchRun): Promise<SectionResult> {
  const batches = Math.min(options.batches, await batchesThatFit());
  // Before the sampler starts: while chunks are made, nothing else runs in this process.
  const chunks = makeChunks(chunksHeld);
  const server = await startLimited();
  const sampler = new MemorySampler(server.group);
  try {
    const work = new Work(chunks, server);
    await work.upload(batches);
    const uploading = sampler.takePeak();
    await work.sumWhileUploading();
    const summing = sampler.takePeak();
    await work.checkSums();
    const large = await largeMessages(server, sampler, largeRounds);
    const killed = killedIn(server.group);
    const used = ({ peak }: typeof uploading) =>
      `${megabytes(peak.anonymous)} MB anonymous, ${megabytes(peak.shared)} MB shared, ` +
      `${megabytes(peak.kernel)} MB kernel`;
    const gap = Math.max(uploading.longestGapMs, summing.longestGapMs).toFixed(0);
    return {
      comparisons: [
        limited('peak memory, uploads', 'MB', totalOf(uploading.peak) / 1e6, peakMBMax),
        limited('peak memory, sums during uploads', 'MB', totalOf(summing.peak) / 1e6, peakMBMax),
        limited('peak memory, unary uploads of 64 MiB', 'MB', large.unaryMB, limitMB),
        limited('peak memory, streams of pieces of 60 MB', 'MB', large.streamedMB, limitMB),
        limited('processes killed', 'processes', killed, 0),
      ],
      notes: [
        `${server.how}; ${batches} batches of ${uploadsAtOnce} uploads at once` +
          (batches < options.batches
            ? ` and not ${options.batches}, which do not fit on the disk.`
            : '.'),
        `At the peak of the uploads: ${used(uploading)}; of the sums: ${used(summing)}.`,
        `${uploading.samples + summing.samples} samples, one every 100 ms; the longest gap was ${gap} ms.`,
        `${largeRounds} rounds of ${large.atOnce} unary uploads, and of as many streams, at once: ` +
          `${large.kept} kept, ${large.refused} refused with RESOURCE_EXHAUSTED and when to try again.`,
        `After the uploads and sums, ${work.uploaded} chunks sum to what they should in both formats.`,
      ],
    };
  } finally {
    sampler.stop();
    await server.stop();
  }
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);

/** A value of Tally's alone, and what it may be at most. */
export const limited = (work: string, unit: string, value: number, atMost: number): Comparison => ({
  work,
  unit,
  better: 'lower',
  contestants: [{ name: 'Tally', setting: '', samples: [value] }],
  bars: [{ atMost }],
});

async function batchesThatFit(): Promise<number> {
  const { bavail, bsize } = await statfs(tmpdir());
  return Math.floor((bavail * bsize) / 2 / (diskBytesPerChunk * uploadsAtOnce));
}

/** What the clients do, and what the sums must be afterwards. */
class Work {
  uploaded = 0;

  constructor(
    readonly chunks: readonly Chunk[],
    readonly server: LimitedServer,
  ) {}

  /** So many batches; a batch begins when the one before it is done. */
  upload(batches: number): Promise<void> {
    return withClients(this.server.address, uploadsAtOnce, async (clients) => {
      for (let batch = 0; batch < batches; batch++) await this.#oneBatch(clients);
    });
  }

  /** Every column in both formats, while batches go on until the last sum is there. */
  async sumWhileUploading(): Promise<void> {
    let summing = true;
    const uploads = withClients(this.server.address, uploadsAtOnce, async (clients) => {
      while (summing) await this.#oneBatch(clients);
    });
    const sums = withClients(this.server.address, 1, async ([client]) => {
      for (let round = 0; round < sumRounds; round++) {
        await this.#sumAll(client, (total, column, before) => total >= before[column]);
      }
    }).finally(() => {
      summing = false;
    });
    await Promise.all([sums, uploads]);
  }

  /** Every column in both formats must be right to the last digit. */
  checkSums(): Promise<void> {
    return withClients(this.server.address, 1, ([client]) =>
      this.#sumAll(client, (total, column, before) => total === before[column]),
    );
  }

  async #oneBatch(clients: readonly TableClient[]): Promise<void> {
    const first = this.uploaded;
    await Promise.all(
      clients.map(async (client, i) => {
        const csvData = this.#chunk(first + i).csv;
        const { error } = await client.upload({ csvData });
        if (error !== '') throw new Error(`an upload failed: ${error}`);
      }),
    );
    this.uploaded += clients.length;
  }

  async #sumAll(
    client: TableClient | undefined,
    right: (total: bigint, column: (typeof columns)[number], before: Chunk['sums']) => boolean,
  ): Promise<void> {
    if (client === undefined) throw new Error('there is no connection');
    for (const format of ['csv', 'parquet'] as const) {
      for (const column of columns) {
        const before = this.#expected();
        const { total } = await timedSum(client, column, format);
        if (!right(total, column, before)) {
          throw new Error(`the ${format} sum of ${column} is ${total}, not ${before[column]}`);
        }
      }
    }
  }

  #chunk(i: number): Chunk {
    const chunk = this.chunks[i % this.chunks.length];
    if (chunk === undefined) throw new Error('there is no chunk to upload');
    return chunk;
  }

  #expected(): Chunk['sums'] {
    const sums = { x: 0n, y: 0n, z: 0n };
    for (let i = 0; i < this.uploaded; i++) {
      for (const column of columns) sums[column] += this.#chunk(i).sums[column];
    }
    return sums;
  }
}
