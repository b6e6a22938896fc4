import {
  type NumStoreClient,
  NumStoreDefinition,
  type TableClient,
  TableDefinition,
  type TableServiceClient,
  TableServiceDefinition,
} from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';

/** Typed clients of one server, over a TCP connection of their own. */
export interface Connection {
  readonly numbers: NumStoreClient;
  readonly table: TableClient;
  readonly streamed: TableServiceClient;
  close(): void;
}

export function connect(address: string): Connection {
  // Channels to one address otherwise share one TCP connection.
  const channel = createChannel(address, undefined, { 'grpc.use_local_subchannel_pool': 1 });
  return {
    numbers: createClient(NumStoreDefinition, channel),
    table: createClient(TableDefinition, channel),
    streamed: createClient(TableServiceDefinition, channel),
    close: () => channel.close(),
  };
}
