import {
  type NumStoreClient,
  NumStoreDefinition,
  type TableClient,
  TableDefinition,
  type TableServiceClient,
  TableServiceDefinition,
} from '@tally/stubs';
import {
  ChannelCredentials,
  createChannel,
  createClientFactory,
  waitForChannelReady,
} from 'nice-grpc';
import { type DeadlineOptions, deadlineMiddleware } from 'nice-grpc-client-middleware-deadline';
import { CommandError, exitCodes } from './exit-codes.js';
import { type ServerOptions, serverAddress } from './server-options.js';

/** An open connection to a server, and a client of each of its services on it. */
export interface Connection {
  /** `host:port` of the server. */
  readonly address: string;
  readonly numStore: NumStoreClient<DeadlineOptions>;
  readonly table: TableClient<DeadlineOptions>;
  readonly tableService: TableServiceClient<DeadlineOptions>;
  close(): void;
}

const channelOptions = {
  // How large a message may be is for the server to say.
  'grpc.max_send_message_length': -1,
  'grpc.max_receive_message_length': -1,
  // A server that has just been started is up in a second or so: look for it several times a second.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 500,
  // Otherwise all channels to one address would share one TCP connection.
  'grpc.use_local_subchannel_pool': 1,
  // The server is usually on this machine, where a proxy from the environment cannot reach it.
  'grpc.enable_http_proxy': 0,
};

/**
 * Opens a connection of its own to the server and waits until the server has answered on it.
 *
 * Throws CommandError (unreachable) if that takes longer than `connectTimeout` milliseconds.
 */
export async function connect(server: ServerOptions): Promise<Connection> {
  const { connectTimeout } = server;
  const address = serverAddress(server);
  const channel = createChannel(address, ChannelCredentials.createInsecure(), channelOptions);
  try {
    await waitForChannelReady(channel, new Date(Date.now() + connectTimeout));
  } catch (cause) {
    channel.close();
    throw new CommandError(
      `No Tally server answered at ${address} within ${connectTimeout / 1000} s: start one with ` +
        '`npm start` or `docker compose up`, or say where it is with --host and --port.',
      exitCodes.unreachable,
      { cause },
    );
  }
  const clients = createClientFactory().use(deadlineMiddleware);
  return {
    address,
    numStore: clients.create(NumStoreDefinition, channel),
    table: clients.create(TableDefinition, channel),
    tableService: clients.create(TableServiceDefinition, channel),
    close: () => channel.close(),
  };
}

/** Connects, runs `work` with the connection, and closes it whatever happens. */
export async function withConnection<T>(
  server: ServerOptions,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(server);
  try {
    return await work(connection);
  } finally {
    connection.close();
  }
}
