import {
  type NumStoreClient,
  NumStoreDefinition,
  type TableClient,
  TableDefinition,
  type TableServiceClient,
  TableServiceDefinition,
} from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';

/** Clients of one server, over a connection of their own. */
export interface Clients {
  readonly numbers: NumStoreClient;
  readonly table: TableClient;
  readonly streamed: TableServiceClient;
  close(): void;
}

export function connect(address: string): Clients {
  const channel = createChannel(address, undefined, { 'grpc.use_local_subchannel_pool': 1 });
  return {
    numbers: createClient(NumStoreDefinition, channel),
    table: createClient(TableDefinition, channel),
    streamed: createClient(TableServiceDefinition, channel),
    close: () => channel.close(),
  };
}

/** Flags for a server that starts fast: these runs start hundreds of them. */
export const fewThreads = ['--table-threads', '3', '--factorial-threads', '1'];
