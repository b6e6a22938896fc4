import { type TableClient, TableDefinition } from '@tally/stubs';
import { ChannelCredentials, createChannel, createClient } from 'nice-grpc';
import type { Format } from './peers/peer-process.js';

/** Opens connections of their own, runs `work` with a client on each, and closes them. */
export async function withClients<T>(
  address: string,
  connections: number,
  work: (clients: readonly TableClient[]) => Promise<T>,
): Promise<T> {
  const channels = Array.from({ length: connections }, () =>
    createChannel(address, ChannelCredentials.createInsecure(), {
      // Otherwise all channels to one address would share one TCP connection.
      'grpc.use_local_subchannel_pool': 1,
    }),
  );
  try {
    const clients = channels.map((channel) => createClient(TableDefinition, channel));
    // The first call connects; connecting is not part of an upload or a sum.
    await Promise.all(
      clients.map((client) => client.colSum({ column: 'nobody has this', format: 'csv' })),
    );
    return await work(clients);
  } finally {
    for (const channel of channels) channel.close();
  }
}

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
