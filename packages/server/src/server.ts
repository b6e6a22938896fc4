import { mkdir } from 'node:fs/promises';
import { NumStoreDefinition, TableDefinition } from '@tally/stubs';
import { createServer, type Server } from 'nice-grpc';
import type { Config } from './config.js';
import { numStoreService, openNumbers } from './numbers/service.js';
import { errorMiddleware } from './rpc/errors.js';
import { listen, rpcOptions } from './rpc/listen.js';
import { openTables, tableService } from './tables/service.js';

/** A server that listens. */
export interface RunningServer {
  /** The port that it listens on. */
  readonly port: number;
  /** Lets calls in progress end, for `drainMs` at most, then closes everything. */
  stop(): Promise<void>;
}

interface Part {
  close(): Promise<void>;
}

/**
 * Starts a server and resolves once it listens and its data is open.
 *
 * The port is bound first, so that a second server on it fails before it touches the data;
 * calls that come meanwhile wait until the data is open. Throws ListenError, and whatever
 * opening the data throws.
 */
export async function startServer(config: Config): Promise<RunningServer> {
  const rpc = createServer(rpcOptions(config)).use(errorMiddleware);
  const parts: Promise<Part>[] = [];
  const bound = new Promise<number>((resolve, reject) => {
    // One turn later: every service is added before the server listens.
    setImmediate(() => listen(rpc, config).then(resolve, reject));
  });
  const dataDir = bound.then(() => mkdir(config.dataDir, { recursive: true, mode: 0o700 }));

  if (config.services.includes('numbers')) {
    const numbers = dataDir.then(() => openNumbers(config));
    rpc.add(NumStoreDefinition, numStoreService(numbers, config));
    parts.push(numbers);
  }
  if (config.services.includes('tables')) {
    const tables = dataDir.then(() => openTables(config));
    rpc.add(TableDefinition, tableService(tables));
    parts.push(tables);
  }

  const stop = () => stopServer(rpc, parts, config.drainMs);
  try {
    await Promise.all(parts);
    return { port: await bound, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stopServer(rpc: Server, parts: Promise<Part>[], drainMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const graceOver = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, drainMs);
  });
  await Promise.race([rpc.shutdown(), graceOver]);
  clearTimeout(timer);
  rpc.forceShutdown();
  for (const part of await Promise.allSettled(parts)) {
    if (part.status === 'fulfilled') await part.value.close();
  }
}
