// Runs in a thread of its own and sends the calls of the warm-up (warm-up.ts).

import { workerData } from 'node:worker_threads';
import { NumStoreDefinition } from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';

/** What the thread is to do. */
export interface WarmUpTask {
  /** The port of loopback that the server to be warmed up listens on. */
  readonly port: number;
  /** How many calls to send in all. */
  readonly calls: number;
}

/** Calls at once, as of a few busy clients. */
const callsAtOnce = 8;

/** More factorials than the cache keeps, so that some calls find their answer and some do not. */
const numbers = 14;

const { port, calls }: WarmUpTask = workerData;
const channel = createChannel(`127.0.0.1:${port}`);
const client = createClient(NumStoreDefinition, channel);

let sent = 0;
async function sendInTurn(): Promise<void> {
  while (sent < calls) {
    const index = sent++;
    const pair = Math.floor(index / 2);
    const key = `key ${pair % 100}`;
    if (index % 2 === 1) await client.fact({ key });
    else await client.setNum({ key, value: BigInt(pair % numbers) });
  }
}

await Promise.all(Array.from({ length: callsAtOnce }, sendInTurn));
channel.close();
