import { once, setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { LaunchedServer } from '@tally/server/launch';
import type { ExpectedNumbers } from '../expected-numbers.js';
import type { ExpectedTable } from '../expected-table.js';
import { Violation } from '../violation.js';

/** What the clients of a data folder have been told so far. */
export interface Expected {
  readonly numbers: ExpectedNumbers;
  readonly table: ExpectedTable;
}

/** One server process, from its start until it is killed, and what its clients expect of it. */
export class ServerLife {
  readonly #end = new AbortController();

  constructor(
    readonly server: LaunchedServer,
    readonly expected: Expected,
  ) {
    // Each client listens when it rests.
    setMaxListeners(0, this.#end.signal);
  }

  get address(): string {
    return this.server.address;
  }

  get killed(): boolean {
    return this.#end.signal.aborted;
  }

  /** Waits so long, or until the server is killed. */
  async rest(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#end.signal }).catch(() => {});
  }

  /** Sends SIGKILL and waits for the end; calls may fail from then on. */
  async kill(): Promise<void> {
    const { process: child } = this.server;
    if (child.exitCode !== null || child.signalCode !== null) throw this.#endedByItself();
    this.#end.abort();
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** The answer to a call; undefined if there is none because the server was killed. */
  async answer<T>(what: string, call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (error) {
      if (this.killed) return undefined;
      throw new Violation(`${what} failed while the server was up: ${messageOf(error)}`);
    }
  }

  #endedByItself(): Violation {
    const { exitCode, signalCode } = this.server.process;
    return new Violation(
      `the server ended by itself (${signalCode ?? exitCode}): ${this.server.output()}`,
    );
  }
}

export const messageOf = (error: unknown) =>
  error instanceof Error ? error.message : String(error);
