import { type TableClient, TableDefinition } from '@tally/stubs';
import { ChannelCredentials, createChannel, createClient } from 'nice-grpc';
import { type Chunk, type Column, columns } from './chunk.js';
import type { Contender } from './contenders.js';
import type { BenchOptions } from './options.js';
import type { RunningServer } from './running-server.js';

interface TableRound {
  readonly csvSumMs: number;
  readonly parquetSumMs: number;
  readonly uploadOneSeconds: number;
  readonly uploadEightSeconds: number;
  readonly tablePeakMiB: number;
}

/**
 * Uploads all chunks to an empty server one at a time and sums their columns; then uploads them
 * to another empty server 8 at once.
 */
export async function measureTable(
  contender: Contender,
  chunks: readonly Chunk[],
  options: BenchOptions,
): Promise<TableRound> {
  const first = await contender.start('table', options);
  const uploadOneSeconds = await uploadAll(first, chunks, 1);
  const csvSumMs = await meanSumMs(first, chunks, 'csv');
  const parquetSumMs = await meanSumMs(first, chunks, 'parquet');
  const firstPeakMiB = first.peakMiB();
  await first.stop();

  const second = await contender.start('table', options);
  const uploadEightSeconds = await uploadAll(second, chunks, 8);
  const tablePeakMiB = Math.max(firstPeakMiB, second.peakMiB());
  await second.stop();
  return { csvSumMs, parquetSumMs, uploadOneSeconds, uploadEightSeconds, tablePeakMiB };
}

/** Opens connections of their own, runs `work` with a client on each, and closes them. */
async function withClients<T>(
  server: RunningServer,
  connections: number,
  work: (clients: readonly TableClient[]) => Promise<T>,
): Promise<T> {
  const channels = Array.from({ length: connections }, () =>
    createChannel(server.address, ChannelCredentials.createInsecure(), {
      // Otherwise all channels to one address would share one TCP connection.
      'grpc.use_local_subchannel_pool': 1,
    }),
  );
  try {
    return await work(channels.map((channel) => createClient(TableDefinition, channel)));
  } finally {
    for (const channel of channels) channel.close();
  }
}

/** Uploads every chunk over that many connections, one after the other on each; takes the time. */
function uploadAll(
  server: RunningServer,
  chunks: readonly Chunk[],
  connections: number,
): Promise<number> {
  return withClients(server, connections, async (clients) => {
    // The first call connects; connecting is not part of an upload.
    await Promise.all(clients.map((client) => client.colSum({ column: 'x', format: 'csv' })));
    const queue = chunks.values();
    const start = performance.now();
    await Promise.all(
      clients.map(async (client) => {
        for (const { csv } of queue) {
          const { error } = await client.upload({ csvData: csv });
          if (error !== '') throw new Error(`an upload failed: ${error}`);
        }
      }),
    );
    return (performance.now() - start) / 1000;
  });
}

/** The mean time of the first sums of x, y and z, each of which must be right. */
function meanSumMs(
  server: RunningServer,
  chunks: readonly Chunk[],
  format: 'csv' | 'parquet',
): Promise<number> {
  return withClients(server, 1, async ([client]) => {
    await client?.colSum({ column: 'nobody has this', format });
    const start = performance.now();
    for (const column of columns) {
      const answer = await client?.colSum({ column, format });
      if (answer?.total !== expectedSum(chunks, column)) {
        throw new Error(`a wrong ${format} sum of ${column}: ${answer?.error || answer?.total}`);
      }
    }
    return (performance.now() - start) / columns.length;
  });
}

const expectedSum = (chunks: readonly Chunk[], column: Column) =>
  chunks.reduce((sum, chunk) => sum + chunk.sums[column], 0n);
