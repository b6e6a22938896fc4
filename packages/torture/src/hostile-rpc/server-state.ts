import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LaunchedServer } from '@tally/server/launch';

export type ServerUnderAttack = LaunchedServer;

/** How long what an attack has left may take to go: files in tmp/, memory, open files. */
const tidyUpMsMax = 60_000;

/** How many chunks are kept in each format; waits until nothing is in work any more. */
export async function keptFiles({ dataDir }: ServerUnderAttack) {
  const table = path.join(dataDir, 'tables', 'default');
  const count = async (folder: string) => (await readdir(folder)).length;
  await eventually('tmp/ of the data folder has files', async () => {
    return (await count(path.join(dataDir, 'tmp'))) === 0;
  });
  return {
    csv: await count(path.join(table, 'csv')),
    parquet: await count(path.join(table, 'delta', 'parquet')),
  };
}

/** The memory that a server has in use. Linux only. */
export async function residentBytes({ process: { pid } }: ServerUnderAttack): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kib === undefined) throw new Error('the server has no memory: it has ended');
  return Number(kib) * 1024;
}

/** How many files and sockets a server has open. Linux only. */
export async function openFiles({ process: { pid } }: ServerUnderAttack): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** Lines that a server must not print: it has met something that it did not expect. */
export function unexpectedLines(output: string): string[] {
  const signs = /^\s+at .*[:)]|uncaught|unhandled|warning|\b[A-Za-z]*Error\b|: INTERNAL/i;
  // How a call ended, which a fault of the server does not say alone: it has a line with its stack, too.
  const ofCall = /^\{.*"msg":"(slow )?call"\}$/;
  return output.split('\n').filter((line) => signs.test(line) && !ofCall.test(line));
}

/** Waits until something holds; throws what is the case instead after `tidyUpMsMax`. */
export async function eventually(otherwise: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + tidyUpMsMax; Date.now() < end; await delay(5)) {
    if (await holds()) return;
  }
  throw new Error(`${otherwise}, still after ${tidyUpMsMax / 1000} s`);
}
