import { type TableClient, TableDefinition } from '@tally/stubs';
import { type Channel, ChannelCredentials, createChannel, createClient } from 'nice-grpc';
import type { Format } from './peers/peer-process.js';

/** Opens connections of their own, runs `work` with them, and closes them. */
export async function withChannels<T>(
  address: string,
  connections: number,
  work: (channels: readonly Channel[]) => Promise<T>,
): Promise<T> {
  const channels = Array.from({ length: connections }, () =>
    createChannel(address, ChannelCredentials.createInsecure(), {
      // Otherwise all channels to one address would share one TCP connection.
      'grpc.use_local_subchannel_pool': 1,
    }),
  );
  try {
    // The first call connects; connecting is not part of an upload or a sum.
    await Promise.all(
      channels.map((channel) =>
        createClient(TableDefinition, channel).colSum({ column: 'nobody has this', format: 'csv' }),
      ),
    );
    return await work(channels);
  } finally {
    for (const channel of channels) channel.close();
  }
}

/** The same with a client of the table on each connection. */
export const withClients = <T>(
  address: string,
  connections: number,
  work: (clients: readonly TableClient[]) => Promise<T>,
): Promise<T> =>
  withChannels(address, connections, (channels) =>
    work(channels.map((channel) => createClient(TableDefinition, channel))),
  );

/** A CSV file: its bytes, or how they are got when it is its turn. */
export type Csv = Uint8Array | (() => Promise<Uint8Array>);

/** Uploads every file over that many connections, one after the other on each; takes the seconds. */
export function uploadAll(
  address: string,
  files: readonly Csv[],
  connections: number,
): Promise<number> {
  return withClients(address, connections, async (clients) => {
    const queue = files.values();
    const start = performance.now();
    await Promise.all(
      clients.map(async (client) => {
        for (const file of queue) {
          const csvData = typeof file === 'function' ? await file() : file;
          const { error } = await client.upload({ csvData });
          if (error !== '') throw new Error(`an upload failed: ${error}`);
        }
      }),
    );
    return (performance.now() - start) / 1000;
  });
}

/** The milliseconds that one sum takes, end to end, and its result. */
export async function timedSum(
  client: TableClient,
  column: string,
  format: Format,
): Promise<{ readonly ms: number; readonly total: bigint }> {
  const start = performance.now();
  const { total, error } = await client.colSum({ column, format });
  const ms = performance.now() - start;
  if (error !== '') throw new Error(`the ${format} sum of ${column} failed: ${error}`);
  return { ms, total };
}
