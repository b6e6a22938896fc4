import { type Frozen, TallyError } from '../sdk/index.js';
import type { Random } from './random.js';
import { nextRequest, type RequestMix, type WorkloadRequest } from './requests.js';

/** One of the tasks that send requests at the same time, each one after the other. */
export interface Task {
  /** The calls of a connection of its own. */
  readonly frozen: Frozen;
  readonly random: Random;
}

/** What happened in one round of requests. */
export interface RoundRecord {
  /** From the first request sent to the last reply, in milliseconds. */
  durationMs: number;
  readonly sent: { SetNum: number; Fact: number };
  /** Response time of every reply, in milliseconds; failed calls have none. */
  readonly responseMs: { readonly SetNum: number[]; readonly Fact: number[] };
  /** When each of those replies came, in milliseconds from the first request. */
  readonly replyAtMs: { readonly SetNum: number[]; readonly Fact: number[] };
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
    replyAtMs: { SetNum: [], Fact: [] },
    hits: 0,
    found: 0,
    factErrors: new Map(),
    failures: new Map(),
  };
  const roundStartMs = performance.now();
  const runTask = async (task: Task, index: number) => {
    const share = Math.floor((requests + index) / tasks.length);
    for (let i = 0; i < share; i++) {
      await sendRequest(task, nextRequest(task.random, mix), record, roundStartMs);
    }
  };
  await Promise.all(tasks.map(runTask));
  record.durationMs = performance.now() - roundStartMs;
  return record;
}

async function sendRequest(
  { frozen }: Task,
  request: WorkloadRequest,
  record: RoundRecord,
  roundStartMs: number,
): Promise<void> {
  const { method } = request;
  record.sent[method]++;
  const startMs = performance.now();
  const recordReply = () => {
    const nowMs = performance.now();
    record.responseMs[method].push(nowMs - startMs);
    record.replyAtMs[method].push(nowMs - roundStartMs);
  };
  try {
    if (method === 'SetNum') {
      await frozen.setNum(request);
      recordReply();
      return;
    }
    const reply = await frozen.fact(request);
    recordReply();
    if (reply.error !== '') {
      countOne(record.factErrors, errorKind(reply.error, request.key));
      return;
    }
    record.found++;
    if (reply.hit) record.hits++;
  } catch (error) {
    if (!(error instanceof TallyError)) throw error;
    countOne(record.failures, error.code);
  }
}

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
