// Runs in a thread of its own and sends the calls of the warm-up (warm-up.ts).

import { workerData } from 'node:worker_threads';
import { NumStoreDefinition, TableDefinition } from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';
import type { ServiceName } from './config.js';

/** What the thread is to do. */
export interface WarmUpTask {
  /** The port of loopback that the server to be warmed up listens on. */
  readonly port: number;
  readonly services: readonly ServiceName[];
  /** How many calls to send in all. */
  readonly calls: number;
}

type Call = () => Promise<unknown>;

/** Calls at once, as of a few busy clients. */
const callsAtOnce = 8;

/** More factorials than the cache keeps, so that some calls find their answer and some do not. */
const numbers = 14;

const { port, services, calls }: WarmUpTask = workerData;
const channel = createChannel(`127.0.0.1:${port}`);

function* numberCalls(): Generator<Call> {
  const client = createClient(NumStoreDefinition, channel);
  for (let i = 0; ; i++) {
    const key = `key ${i % 100}`;
    yield () => client.setNum({ key, value: BigInt(i % numbers) });
    yield () => client.fact({ key });
  }
}

function* tableCalls(): Generator<Call> {
  const client = createClient(TableDefinition, channel);
  yield () => client.upload({ csvData: Buffer.from('x,name\n1,a\n2,b\n') });
  for (;;) {
    yield () => client.colSum({ column: 'x', format: 'csv' });
    yield () => client.colSum({ column: 'x', format: 'parquet' });
  }
}

async function send(from: Generator<Call>, count: number): Promise<void> {
  let left = count;
  const sendInTurn = async () => {
    while (left-- > 0) await from.next().value();
  };
  await Promise.all(Array.from({ length: callsAtOnce }, sendInTurn));
}

// A sum costs the time of many calls to NumStore, and has little code to be compiled: a few do.
const toTable = services.includes('tables') ? Math.min(20, calls) : 0;
await send(tableCalls(), toTable);
if (services.includes('numbers')) await send(numberCalls(), calls - toTable);
channel.close();
