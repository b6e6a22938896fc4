import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { NumStoreDefinition, TableDefinition, TableServiceDefinition } from '@tally/stubs';
import { createServer, type Server } from 'nice-grpc';
import type { Config } from './config.js';
import { numStoreService, openNumbers } from './numbers/service.js';
import { errorMiddleware } from './rpc/errors.js';
import { listen, rpcOptions } from './rpc/listen.js';
import { StartError } from './start-error.js';
import { syncPath } from './sync-path.js';
import { openTables, tableService } from './tables/service.js';
import { streamedTableService } from './tables/streamed-service.js';

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
 * calls that come meanwhile wait until the data is open. Throws StartError.
 */
export async function startServer(config: Config): Promise<RunningServer> {
  const rpc = createServer(rpcOptions(config)).use(errorMiddleware);
  const parts: Promise<Part>[] = [];
  const bound = new Promise<number>((resolve, reject) => {
    // One turn later: every service is added before the server listens.
    setImmediate(() => listen(rpc, config).then(resolve, reject));
  });
  const dataDir = bound.then(() => makeDataDir(config));

  if (config.services.includes('numbers')) {
    const numbers = dataDir.then(() => openNumbers(config));
    rpc.add(NumStoreDefinition, numStoreService(numbers, config));
    parts.push(numbers);
  }
  if (config.services.includes('tables')) {
    const tables = dataDir.then(() => openTables(config));
    rpc.add(TableDefinition, tableService(tables));
    rpc.add(TableServiceDefinition, streamedTableService(tables));
    parts.push(tables);
  }

  const stop = () => stopServer(rpc, parts, config.drainMs);
  try {
    await Promise.all(parts);
    return { port: await bound, stop };
  } catch (error) {
    await stop();
    throw startError(error, config.dataDir);
  }
}

/** Makes the data folder if it is missing, durably if the data is to be durable. */
async function makeDataDir({ dataDir, durability }: Config): Promise<void> {
  const firstMade = await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (firstMade === undefined || durability !== 'fsync') return;
  // A new name is on disk for good once the folder that holds it is synced.
  for (let made = dataDir; made.length >= firstMade.length; made = path.dirname(made)) {
    await syncPath(path.dirname(made));
  }
}

/** A failure of the system while the data was opened, as a sentence; any other fault as it is. */
function startError(error: unknown, dataDir: string): unknown {
  if (error instanceof StartError || !(error instanceof Error && 'code' in error)) return error;
  return new StartError(
    `Cannot open the data in ${dataDir}: ${error.message}. ` +
      'Choose a folder that this process may write to with --data-dir.',
  );
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
