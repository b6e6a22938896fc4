import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { type Connection, connect } from '../connection.js';
import { createFaultPlan, type FaultPlan } from '../file-calls/fault-plan.js';
import { preloadEnvironment } from '../file-calls/library.js';
import { check } from '../ledger/check.js';
import { fewThreads } from '../ledger/few-threads.js';
import { createLedger, type Ledger } from '../ledger/ledger.js';

/** A data folder, its server with the library preloaded, and all that was ever sent to it. */
export interface Session {
  readonly plan: FaultPlan;
  readonly ledger: Ledger;
  readonly journal: string;
  readonly dataDir: string;
  clients(): Connection;
  /** Starts a server; throws an Error with what it printed if it does not start. */
  start(): Promise<void>;
  /** Whether the server's process has ended, which it is given time for if `soon`. */
  hasEnded(soon: boolean): Promise<boolean>;
  /** Kills the server if it still runs, and starts one without a fault. */
  restart(): Promise<void>;
  /** What the server shows against what it promised; resolves to what is wrong. */
  check(): Promise<string[]>;
  /** Ends the server and removes the folder. */
  close(): Promise<void>;
}

/** Time for a process that was killed to be gone. */
const endMs = 10_000;

/** A session over a new folder below `folder`, whose name is a path without symbolic links. */
export async function createSession(folder: string, library: string): Promise<Session> {
  const disk = path.join(folder, 'disk');
  const dataDir = path.join(disk, 'data');
  const journal = path.join(folder, 'journal');
  const faultPlan = path.join(folder, 'plan');
  await mkdir(disk, { recursive: true });
  const plan = createFaultPlan(faultPlan);
  const ledger = createLedger();
  const env = preloadEnvironment({ library, disk, journal, faultPlan });
  let server: LaunchedServer | undefined;
  let clients: Connection | undefined;

  const isEnded = () =>
    server === undefined || server.process.exitCode !== null || server.process.signalCode !== null;

  async function end(): Promise<void> {
    clients?.close();
    clients = undefined;
    if (server !== undefined && !isEnded()) {
      const exited = once(server.process, 'exit');
      server.process.kill('SIGKILL');
      await exited;
    }
    server = undefined;
  }

  async function start(): Promise<void> {
    server = await launchServer({ dataDir, env, args: fewThreads });
    clients = connect(server.address);
  }

  function connected(): Connection {
    if (clients === undefined) throw new Error('no server runs');
    return clients;
  }

  return {
    plan,
    ledger,
    journal,
    dataDir,
    clients: connected,
    start,
    async hasEnded(soon) {
      if (soon && server !== undefined && !isEnded()) {
        await once(server.process, 'exit', { signal: AbortSignal.timeout(endMs) }).catch(() => {});
      }
      return isEnded();
    },
    async restart() {
      await end();
      plan.disarm();
      await start();
    },
    check: () => check(connected(), ledger.entries),
    async close() {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
