import { randomUUID } from 'node:crypto';
import type { NumStoreClient } from '@tally/stubs';
import { ClientError, Status } from 'nice-grpc';
import type { DeadlineOptions } from 'nice-grpc-client-middleware-deadline';
import type { Random } from './random.js';
import { type Repetition, repeatedCall } from './repeated-call.js';
import { nextRequest, type RequestMix, type WorkloadRequest } from './workload-requests.js';

/** One of the tasks that send requests at the same time, each one after the other. */
export interface Task {
  readonly numStore: NumStoreClient<DeadlineOptions>;
  readonly random: Random;
  /** How its requests are repeated. */
  readonly repetition: Repetition;
}

/** What happened in one round of requests. */
export interface RoundRecord {
  /** From the first request sent to the last reply, in milliseconds. */
  durationMs: number;
  readonly sent: { SetNum: number; Fact: number };
  /** Response time of every reply, in milliseconds; failed calls have none. */
  readonly responseMs: { readonly SetNum: number[]; readonly Fact: number[] };
  /** Fact replies that came from the server's cache. */
  hits: number;
  /** Fact replies with a factorial. */
  found: number;
  /** Fact replies with `error` set, by sentence: expected of a random workload. */
  readonly factErrors: Map<string, number>;
  /** Calls that failed, by gRPC status. */
  readonly failures: Map<string, number>;
}

/**
 * Sends `requests` requests, spread evenly over the tasks, and records what came back.
 *
 * A failed call is counted and does not end the round.
 */
export async function runRound(
  tasks: readonly Task[],
  mix: RequestMix,
  requests: number,
): Promise<RoundRecord> {
  const record: RoundRecord = {
    durationMs: 0,
    sent: { SetNum: 0, Fact: 0 },
    responseMs: { SetNum: [], Fact: [] },
    hits: 0,
    found: 0,
    factErrors: new Map(),
    failures: new Map(),
  };
  const runTask = async (task: Task, index: number) => {
    const share = Math.floor((requests + index) / tasks.length);
    for (let i = 0; i < share; i++) {
      await sendRequest(task, nextRequest(task.random, mix), record);
    }
  };
  const startMs = performance.now();
  await Promise.all(tasks.map(runTask));
  record.durationMs = performance.now() - startMs;
  return record;
}

async function sendRequest(
  { numStore, repetition }: Task,
  request: WorkloadRequest,
  record: RoundRecord,
): Promise<void> {
  record.sent[request.method]++;
  const startMs = performance.now();
  try {
    if (request.method === 'SetNum') {
      await repeatedCall(setRepetition(repetition), (call) => numStore.setNum(request, call));
      record.responseMs.SetNum.push(performance.now() - startMs);
      return;
    }
    const reply = await repeatedCall(repetition, (call) => numStore.fact(request, call));
    record.responseMs.Fact.push(performance.now() - startMs);
    if (reply.error !== '') {
      countOne(record.factErrors, errorKind(reply.error, request.key));
      return;
    }
    record.found++;
    if (reply.hit) record.hits++;
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    countOne(record.failures, Status[error.code]);
  }
}

/** With a single attempt there is no key: the server records each, which would show in the times. */
const setRepetition = (repetition: Repetition): Repetition =>
  repetition.attempts === 1 ? repetition : { ...repetition, idempotencyKey: randomUUID() };

/**
 * The sentence without the key and the number that it is about, so that equal kinds count together:
 * `"<key>" is <n>: <n>! does not fit into int64, 0 to 20 are allowed`.
 */
function errorKind(sentence: string, key: string): string {
  const kind = sentence.replaceAll(key, '<key>');
  const [n] = /-?\b[0-9]+\b/.exec(kind) ?? [];
  return n === undefined ? kind : kind.replaceAll(new RegExp(`${n}\\b`, 'g'), '<n>');
}

function countOne(counts: Map<string, number>, kind: string): void {
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}
