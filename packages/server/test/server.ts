import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import {
  type NumberServiceClient,
  NumberServiceDefinition,
  type NumStoreClient,
  NumStoreDefinition,
  type TableClient,
  TableDefinition,
  type TableServiceClient,
  TableServiceDefinition,
} from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';
import { afterAll, beforeAll } from 'vitest';
import { type LaunchedServer, type LaunchOptions, launchServer } from '../dist/launch.js';

/** Typed clients of one server, over a TCP connection of their own. */
export interface Connection {
  readonly numbers: NumStoreClient;
  readonly numberService: NumberServiceClient;
  readonly table: TableClient;
  readonly streamed: TableServiceClient;
  close(): void;
}

/** Flags of a server that starts with a quarter of the work, for tests that start many. */
export const fewThreads: readonly string[] = [
  ...['--table-threads', '1', '--conversions-max', '1'],
  ...['--factorial-threads', '1'],
];

/** Connects to a server process, or to any `host:port`. */
export function connect({ address }: { readonly address: string }): Connection {
  // Channels to one address otherwise share one TCP connection.
  const channel = createChannel(address, undefined, { 'grpc.use_local_subchannel_pool': 1 });
  return {
    numbers: createClient(NumStoreDefinition, channel),
    numberService: createClient(NumberServiceDefinition, channel),
    table: createClient(TableDefinition, channel),
    streamed: createClient(TableServiceDefinition, channel),
    close: () => channel.close(),
  };
}

/** Starts and ends faster than with the defaults; a test that needs more threads says so by flags. */
const fewerThreads = { TALLY_TABLE_THREADS: '4', TALLY_FACTORIAL_THREADS: '1' };

/** Runs `work` against a new server process and a connection to it, and ends both after it. */
export async function withServer<T>(
  options: LaunchOptions,
  work: (server: LaunchedServer, connection: Connection) => Promise<T>,
): Promise<T> {
  const server = await launchServer({ ...options, env: { ...fewerThreads, ...options.env } });
  const connection = connect(server);
  try {
    return await work(server, connection);
  } finally {
    connection.close();
    await server.stop();
  }
}

/** One server, with fewer threads, and a connection to it, for all tests of a group. */
export function sharedServer(options: LaunchOptions = {}): {
  readonly server: LaunchedServer;
  readonly connection: Connection;
} {
  let server: LaunchedServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await launchServer({ ...options, env: { ...fewerThreads, ...options.env } });
    connection = connect(server);
  });
  afterAll(async () => {
    connection.close();
    await server.stop();
  });
  return {
    get server() {
      return server;
    },
    get connection() {
      return connection;
    },
  };
}

/** Sends a signal to a server process and resolves to its exit code, or to the signal that ended it. */
export async function endWith(
  { process: child }: LaunchedServer,
  signal: NodeJS.Signals,
): Promise<number | NodeJS.Signals | null> {
  const exited = once(child, 'exit');
  child.kill(signal);
  const [code, endedBy] = await exited;
  return code ?? endedBy;
}

/** Runs `work` in a new folder and removes it after it. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tally-test-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Calls a method by its path with a message of any bytes; resolves to the answer's bytes. */
export async function callWithBytes(
  { address }: { readonly address: string },
  methodPath: string,
  message: Uint8Array,
): Promise<Uint8Array> {
  const client = new Client(address, credentials.createInsecure());
  const asItIs = (bytes: Uint8Array) => Buffer.from(bytes);
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(methodPath, asItIs, asItIs, message, (error, answer) =>
        answer === undefined ? reject(error) : resolve(answer),
      );
    });
  } finally {
    client.close();
  }
}

/** Waits until `holds` gives something else than undefined or false. */
export async function eventually<T>(holds: () => Promise<T | undefined | false>): Promise<T> {
  for (const deadline = Date.now() + 100_000; Date.now() < deadline; await delay(2)) {
    const value = await holds();
    if (value !== undefined && value !== false) return value;
  }
  throw new Error('what was waited for did not happen within 100 s');
}
