import {
  AdminServiceDefinition,
  NumberServiceDefinition,
  NumStoreDefinition,
  TableDefinition,
  TableServiceDefinition,
} from '@tally/stubs';
import { createServer, type Server } from 'nice-grpc';
import { createAccess } from './access/access.js';
import { openEncryption } from './access/tls.js';
import { administration } from './backup/backup-call.js';
import type { Config, ServiceName } from './config.js';
import { openDataFolder } from './data-folder.js';
import type { DataFolderLock } from './data-folder-lock.js';
import { StoppedError } from './lmdb-failure.js';
import { logger } from './logger.js';
import { numberService } from './numbers/number-service.js';
import { numStoreService, openNumbers } from './numbers/service.js';
import { createObservation } from './observe/observation.js';
import { stagesMiddleware } from './observe/observe-calls.js';
import { addServerMetrics, type OpenedParts } from './observe/part-metrics.js';
import { type Admissions, createAdmissions } from './rpc/admission.js';
import { type Connections, createConnections } from './rpc/connections.js';
import { errorMiddleware } from './rpc/errors.js';
import { createHealth } from './rpc/health.js';
import { listen, rpcOptions } from './rpc/listen.js';
import { reflection } from './rpc/reflection.js';
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
  /** The port of `/metrics`; undefined if there is none. */
  readonly metricsPort: number | undefined;
  /** How long the warm-up took, in milliseconds; undefined if there was none. */
  readonly warmUpMs: number | undefined;
  /**
   * Takes no more calls, lets those in progress end, for `drainMs` at most, refuses the others, and
   * closes everything.
   */
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
 * `ending` is aborted, the server stops as with `stop`, and what is left of the warm-up is left out.
 * Throws StartError.
 */
export async function startServer(
  config: Config,
  ending: AbortSignal = new AbortController().signal,
): Promise<RunningServer> {
  const shortMethods: ShortMethods = new Map();
  const observation = createObservation(config);
  const access = createAccess(config.tokenFile);
  const admissions = createAdmissions(config);
  const connections = createConnections(config.connectionsMax, observation.calls?.onStream);
  const passages = {
    observing: observation.calls?.interceptor,
    access: access.interceptor,
    admissions: admissions.interceptor,
    shortMethods,
  };
  const rpc = createServer(rpcOptions(config, passages))
    .use(errorMiddleware)
    .use(stagesMiddleware(observation.calls));
  const names = [
    ...config.services.flatMap((service) => serviceNames[service]),
    AdminServiceDefinition.fullName,
  ];
  const health = createHealth(names);
  const parts: Promise<Part>[] = [];
  const encryption = openEncryption(config);
  const bound = Promise.all([encryption, access.open()]).then(([{ credentials }]) =>
    // A turn later than now: every service is added before the server listens.
    listen(rpc, config, credentials, connections),
  );
  const folder = bound.then(() => openDataFolder(config));
  // One turn later: every part is on the list.
  const warmedUp = folder.then(() => Promise.all(parts)).then(() => warmUpMs(config, ending));
  const whenWarm = <P extends Part>(opening: Promise<P>, service: ServiceName): Promise<P> => {
    parts.push(opening);
    const ready = Promise.all([opening, warmedUp]).then(([part]) => {
      for (const name of serviceNames[service]) health.setServing(name);
      return part;
    });
    // A failure ends the start below, whether or not a call waits for this part.
    ready.catch(() => {});
    return ready;
  };
  const opened: OpenedParts = { numbers: undefined, tables: undefined };

  rpc.add(health.definition, health.service);
  const described = reflection([...names, health.definition.fullName]);
  rpc.add(described.definition, described.service);
  if (config.services.includes('numbers')) {
    const numbers = folder.then(() => openNumbers(config));
    const ready = whenWarm(numbers, 'numbers');
    const frozen = numStoreService(ready, config);
    rpc.add(decodingStrictly(NumStoreDefinition), frozen);
    addShortMethods(shortMethods, NumStoreDefinition, frozen);
    const service = numberService(ready, config);
    rpc.add(decodingStrictly(NumberServiceDefinition), service);
    addShortMethods(shortMethods, NumberServiceDefinition, service);
    opened.numbers = numbers;
  }
  if (config.services.includes('tables')) {
    const tables = folder.then(() => openTables(config));
    const ready = whenWarm(tables, 'tables');
    rpc.add(decodingStrictly(TableDefinition), tableService(ready));
    rpc.add(decodingStrictly(TableServiceDefinition), tableServiceV1(ready, config));
    opened.tables = tables;
  }
  const allWarm = warmedUp.then(async () => {
    health.setServing(AdminServiceDefinition.fullName);
    return { numbers: (await opened.numbers)?.store, tables: await opened.tables };
  });
  // A failure ends the start below, whether or not a call waits for it.
  allWarm.catch(() => {});
  const admin = administration(allWarm, config.dataDir);
  rpc.add(decodingStrictly(AdminServiceDefinition), admin.service);

  const stopOnce = async () => {
    health.stop();
    // What is about to listen could not be stopped.
    await Promise.allSettled([bound]);
    await drain(rpc, admissions, connections, config.drainMs);
    await admin.idle();
    await observation.closeMetrics();
    await closeAll(parts, folder);
    access.close();
    const [encrypted] = await Promise.allSettled([encryption]);
    if (encrypted.status === 'fulfilled') encrypted.value.close();
    await observation.close();
  };
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopOnce();
    return stopping;
  };
  ending.addEventListener('abort', () => void stop(), { once: true });
  try {
    const port = await bound;
    const { expiresAtSeconds } = await encryption;
    await observation.open((sink) =>
      addServerMetrics(sink, { admissions, connections, expiresAtSeconds, opened }),
    );
    const running = {
      port,
      metricsPort: observation.metricsPort(),
      warmUpMs: await warmedUp,
      stop,
    };
    health.setServing('');
    return running;
  } catch (error) {
    await stop();
    throw startError(error, config.dataDir);
  }
}

/** The names that health checks and reflection know, by what serves them. */
const serviceNames: Readonly<Record<ServiceName, readonly string[]>> = {
  numbers: [NumStoreDefinition.fullName, NumberServiceDefinition.fullName],
  tables: [TableDefinition.fullName, TableServiceDefinition.fullName],
};

/** How long the warm-up took; undefined if there was none. A failed one is logged, and that is all. */
async function warmUpMs(config: Config, ending: AbortSignal): Promise<number | undefined> {
  if (config.warmupCalls === 0 || !config.services.includes('numbers')) return undefined;
  const startMs = performance.now();
  try {
    await warmUp(config, startServer, ending);
    return performance.now() - startMs;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    logger.warn(`Not warmed up, so the first calls are slower: ${reason}`);
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

/** How long connections have to end once no call is in progress: calls that were refused are told so. */
const goodbyeMs = 200;

/**
 * Takes no more calls; those in progress end by themselves within `drainMs`, or are refused. Until
 * then health checks are answered, on new connections too, so that others see why.
 */
async function drain(
  rpc: Server,
  admissions: Admissions,
  connections: Connections,
  drainMs: number,
): Promise<void> {
  const drained = admissions.drain();
  connections.sendAway();
  if (!(await endsWithin(drained, drainMs))) admissions.refuseAll();
  await endsWithin(rpc.shutdown(), goodbyeMs);
  rpc.forceShutdown();
}

async function endsWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), over]);
  } finally {
    clearTimeout(timer);
  }
}

async function closeAll(parts: Promise<Part>[], folder: Promise<DataFolderLock>): Promise<void> {
  for (const part of await Promise.allSettled(parts)) {
    if (part.status === 'fulfilled') await part.value.close();
  }
  // Last: until here the data is in use.
  const [lock] = await Promise.allSettled([folder]);
  if (lock.status === 'fulfilled') await lock.value.release();
}
