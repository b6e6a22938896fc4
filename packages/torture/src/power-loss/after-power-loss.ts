import path from 'node:path';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { connect } from '../connection.js';
import type { FileCall } from '../file-calls/journal.js';
import { check } from '../ledger/check.js';
import { fewThreads } from '../ledger/few-threads.js';
import { createLedger, type Ledger } from '../ledger/ledger.js';
import { send } from '../ledger/send.js';
import type { Mark } from './workload.js';

/** What the clients had sent, and knew, after some calls of a journal. */
export function ledgerOf(calls: readonly FileCall[]): Ledger {
  const ledger = createLedger();
  for (const { kind, data } of calls) {
    if (kind !== 'mark') continue;
    const mark: Mark = JSON.parse(data.toString());
    if ('sent' in mark) {
      ledger.add(mark.write);
    } else {
      const entry = ledger.entries[mark.answered];
      if (entry === undefined) throw new Error(`write ${mark.answered} was answered, but not sent`);
      entry.fate = mark.fate;
    }
  }
  return ledger;
}

/**
 * Starts a server on what is left of a disk, compares what it shows with what was promised, and
 * writes on; resolves to what is wrong.
 */
export async function checkDisk(disk: string, ledger: Ledger): Promise<string[]> {
  let server: LaunchedServer;
  try {
    server = await launchServer({ dataDir: path.join(disk, 'data'), args: fewThreads });
  } catch (error) {
    return [(error as Error).message];
  }
  const clients = connect(server.address);
  try {
    const faults = await check(clients, ledger.entries);
    // Whatever was left over is not in the way of new writes.
    const writes = [
      ledger.add({ kind: 'number', key: 'after', value: 7 }),
      ledger.add({ kind: 'chunk', column: 'after', digit: 0 }),
    ];
    for (const entry of writes) {
      const { outcome, sentence } = await send(clients, entry);
      if (outcome !== 'acknowledged') faults.push(`a write after it failed: ${sentence}`);
    }
    return faults.length > 0 ? faults : await check(clients, ledger.entries);
  } catch (error) {
    return [`${(error as Error).message}; the server printed: ${server.output()}`];
  } finally {
    clients.close();
    server.process.kill('SIGKILL');
  }
}
