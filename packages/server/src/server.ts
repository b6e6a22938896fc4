import {
  NumberServiceDefinition,
  NumStoreDefinition,
  TableDefinition,
  TableServiceDefinition,
} from '@tally/stubs';
import { createServer, type Server } from 'nice-grpc';
import type { Config } from './config.js';
import { openDataFolder } from './data-folder.js';
import type { DataFolderLock } from './data-folder-lock.js';
import { StoppedError } from './lmdb-failure.js';
import { numberService } from './numbers/number-service.js';
import { numStoreService, openNumbers } from './numbers/service.js';
import { errorMiddleware } from './rpc/errors.js';
import { listen, rpcOptions } from './rpc/listen.js';
import { addShortMethods, type ShortMethods } from './rpc/short-calls.js';
import { decodingStrictly } from './rpc/strict-decoding.js';
import { StartError } from './start-error.js';
import { tableService } from './tables/service.js';
import { tableServiceV1 } from './tables/table-service.js';
import { openTables } from './tables/tables.js';
import { warmUp } from './warm-up.js';

/** A server that listens. */
export interface RunningServer {
  /** The port that it listens on. */
  readonly port: number;
  /** How long the warm-up took, in milliseconds; undefined if there was none. */
  readonly warmUpMs: number | undefined;
  /** Lets calls in progress end, for `drainMs` at most, then closes everything. */
  stop(): Promise<void>;
}

interface Part {
  close(): Promise<void>;
}

/**
 * Starts a server and resolves once it listens, its data is open and it is warmed up.
 *
 * The port is bound first, so that a second server on it fails before it touches the data; then the
 * data folder is locked, until all is closed. Calls that come meanwhile wait for the rest. When
 * `ending` is aborted, what is left of the warm-up is left out. Throws StartError.
 */
export async function startServer(
  config: Config,
  ending: AbortSignal = new AbortController().signal,
): Promise<RunningServer> {
  const shortMethods: ShortMethods = new Map();
  const rpc = createServer(rpcOptions(config, shortMethods)).use(errorMiddleware);
  const parts: Promise<Part>[] = [];
  const bound = new Promise<number>((resolve, reject) => {
    // One turn later: every service is added before the server listens.
    setImmediate(() => listen(rpc, config).then(resolve, reject));
  });
  const folder = bound.then(() => openDataFolder(config));
  // One turn later: every part is on the list.
  const warmedUp = folder.then(() => Promise.all(parts)).then(() => warmUpMs(config, ending));
  const whenWarm = <P extends Part>(opening: Promise<P>): Promise<P> => {
    parts.push(opening);
    const ready = Promise.all([opening, warmedUp]).then(([part]) => part);
    // A failure ends the start below, whether or not a call waits for this part.
    ready.catch(() => {});
    return ready;
  };

  if (config.services.includes('numbers')) {
    const numbers = folder.then(() => openNumbers(config));
    const ready = whenWarm(numbers);
    const frozen = numStoreService(ready, config);
    rpc.add(decodingStrictly(NumStoreDefinition), frozen);
    addShortMethods(shortMethods, NumStoreDefinition, frozen);
    const service = numberService(ready, config);
    rpc.add(decodingStrictly(NumberServiceDefinition), service);
    addShortMethods(shortMethods, NumberServiceDefinition, service);
  }
  if (config.services.includes('tables')) {
    const tables = folder.then(() => openTables(config));
    const ready = whenWarm(tables);
    rpc.add(decodingStrictly(TableDefinition), tableService(ready));
    rpc.add(decodingStrictly(TableServiceDefinition), tableServiceV1(ready, config));
  }

  const stop = () => stopServer(rpc, parts, folder, config.drainMs);
  try {
    return { port: await bound, warmUpMs: await warmedUp, stop };
  } catch (error) {
    await stop();
    throw startError(error, config.dataDir);
  }
}

/** How long the warm-up took; undefined if there was none. A failed one is logged, and that is all. */
async function warmUpMs(config: Config, ending: AbortSignal): Promise<number | undefined> {
  if (config.warmupCalls === 0 || !config.services.includes('numbers')) return undefined;
  const startMs = performance.now();
  try {
    await warmUp(config, startServer, ending);
    return performance.now() - startMs;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`Not warmed up, so the first calls are slower: ${reason}`);
    return undefined;
  }
}

/** A failure of the system while the data was opened, as a sentence; any other fault as it is. */
function startError(error: unknown, dataDir: string): unknown {
  if (error instanceof StoppedError) {
    return new StartError(`Cannot open the data in ${dataDir}: ${error.message}.`);
  }
  if (error instanceof StartError || !(error instanceof Error && 'code' in error)) return error;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new StartError(
      `Cannot open the data in ${dataDir}: its disk is full (${error.message}). Make room on it, ` +
        'and start again. Nothing that was kept is lost.',
    );
  }
  // A number is LMDB's.
  if (error.code === 'EIO' || error.code === 5) {
    return new StartError(
      `Cannot open the data in ${dataDir}: its disk is failing (${error.message}). Nothing was changed.`,
    );
  }
  return new StartError(
    `Cannot open the data in ${dataDir}: ${error.message}. ` +
      'Choose a folder that this process may write to with --data-dir.',
  );
}

async function stopServer(
  rpc: Server,
  parts: Promise<Part>[],
  folder: Promise<DataFolderLock>,
  drainMs: number,
): Promise<void> {
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
  // Last: until here the data is in use.
  const [lock] = await Promise.allSettled([folder]);
  if (lock.status === 'fulfilled') await lock.value.release();
}
