import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Config } from './config.js';
import type { RunningServer } from './server.js';
import { threadHeap } from './thread-heap.js';
import type { WarmUpTask } from './warm-up-client.js';

type StartServer = (config: Config) => Promise<RunningServer>;

/**
 * Makes the code that serves calls fast before the first user's call: a server runs its first
 * thousand calls several times slower than later ones, until V8 has compiled what they pass.
 *
 * The calls go to a second server of this process, on a free port of loopback, over a temporary
 * folder that is removed afterwards: nothing of the user's is read or written, and no cache is
 * shared. Resolves early, without an error, when `signal` is aborted; throws whatever keeps the
 * second server from being started or called.
 */
export async function warmUp(
  config: Config,
  startServer: StartServer,
  signal: AbortSignal,
): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tally-warm-up-'));
  try {
    const scratch = await startServer(scratchConfig(config, folder));
    try {
      if (!signal.aborted) await sendCalls(config, scratch.port, signal);
    } finally {
      await scratch.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// NumStore only: a table's threads would take 40 MB more at the peak, for calls that take far
// longer than what surrounds them. The limits stay as they are, for the same code to run.
function scratchConfig(config: Config, folder: string): Config {
  return {
    ...config,
    host: '127.0.0.1',
    port: 0,
    dataDir: path.join(folder, 'data'),
    durability: 'memory',
    services: ['numbers'],
    tlsCert: undefined,
    tlsKey: undefined,
    tlsClientCa: undefined,
    tokenFile: undefined,
    metricsPort: undefined,
    otlpEndpoint: undefined,
    logLevel: 'silent',
    factorialThreads: 1,
    warmupCalls: 0,
    drainMs: 0,
  };
}

/**
 * The calls come from a thread of their own: a client on this one would leave V8 with what it
 * learnt of clients, in code of http2 that both sides share.
 */
async function sendCalls(config: Config, port: number, signal: AbortSignal): Promise<void> {
  const workerData: WarmUpTask = { port, calls: config.warmupCalls };
  const client = new Worker(new URL('./warm-up-client.js', import.meta.url), {
    workerData,
    resourceLimits: threadHeap,
  });
  const end = () => client.terminate();
  signal.addEventListener('abort', end);
  try {
    await new Promise((resolve, reject) => client.once('error', reject).once('exit', resolve));
  } finally {
    signal.removeEventListener('abort', end);
  }
}
