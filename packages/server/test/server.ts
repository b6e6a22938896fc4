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
import { readConfig } from '../dist/config.js';
import { type LaunchedServer, type LaunchOptions, launchServer } from '../dist/launch.js';
import { openLogger } from '../dist/logger.js';
import { startServer } from '../dist/server.js';

// Lines of calls that a test has refused, or slow, would be read by nobody.
await openLogger({ logLevel: 'error', logFormat: 'json' });

/** Typed clients of one server, over a TCP connection of their own. */
export interface Connection {
  readonly numbers: NumStoreClient;
  readonly numberService: NumberServiceClient;
  readonly table: TableClient;
  readonly streamed: TableServiceClient;
  close(): void;
}

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

/** A server that listens, in this process or in one of its own. */
export type TestServer = Pick<LaunchedServer, 'port' | 'address' | 'dataDir'>;

/** One in this process. */
export interface ServerHere extends TestServer {
  /** Undefined: it was not asked for. */
  readonly metricsPort: number | undefined;
}

export type TestServerOptions = Pick<LaunchOptions, 'args' | 'dataDir' | 'warmupCalls'>;

/**
 * Starts, writes and ends faster than with the defaults; a test that needs more threads, or that the
 * disk has what was acknowledged, says so by flags.
 */
export const lessWork: readonly string[] = [
  ...['--table-threads', '2'],
  ...['--factorial-threads', '1'],
  ...['--durability', 'os'],
];

/**
 * Starts a server in this process: in half a second less than one of its own, whose code is compiled
 * anew each time. What a process is seen or killed by needs `withProcess`.
 */
async function startHere(
  options: TestServerOptions,
): Promise<ServerHere & { stop(): Promise<void> }> {
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), 'tally-')));
  const args = [
    ...['--port', '0', '--data-dir', dataDir],
    ...['--warmup-calls', String(options.warmupCalls ?? 0)],
    ...lessWork,
    ...(options.args ?? []),
  ];
  const started = await startServer(readConfig(args, { exitOverride: true }));
  const { port, metricsPort, stop } = started;
  return {
    port,
    metricsPort,
    address: `127.0.0.1:${port}`,
    dataDir,
    async stop() {
      await stop();
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Runs `work` against a new server in this process and a connection to it, and ends both after it. */
export async function withServer<T>(
  options: TestServerOptions,
  work: (server: ServerHere, connection: Connection) => Promise<T>,
): Promise<T> {
  return withConnection(await startHere(options), work);
}

/** Runs `work` against a new server process and a connection to it, and ends both after it. */
export async function withProcess<T>(
  options: LaunchOptions,
  work: (server: LaunchedServer, connection: Connection) => Promise<T>,
): Promise<T> {
  const args = [...lessWork, ...(options.args ?? [])];
  return withConnection(await launchServer({ ...options, args }), work);
}

async function withConnection<Server extends TestServer & { stop(): Promise<unknown> }, T>(
  server: Server,
  work: (server: Server, connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = connect(server);
  try {
    return await work(server, connection);
  } finally {
    connection.close();
    await server.stop();
  }
}

/** One server in this process, and a connection to it, for all tests of a group. */
export function sharedServer(options: TestServerOptions = {}): {
  readonly server: ServerHere;
  readonly connection: Connection;
} {
  let server: Awaited<ReturnType<typeof startHere>>;
  let connection: Connection;
  beforeAll(async () => {
    server = await startHere(options);
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
