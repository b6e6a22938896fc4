import { readTaskClock, type TaskClock, type TaskTime } from '../task-time.js';

/** How long a call was in a stage in all. */
export interface StageTotal {
  readonly stage: string;
  ms: number;
}

/** One time that a stage took, in milliseconds of this thread's `performance.now()`. */
export interface StageSpan {
  readonly stage: string;
  readonly startMs: number;
  readonly endMs: number;
  /** The worker thread that did it, if one did. */
  readonly thread: number | undefined;
}

/**
 * Where those who handle a call say what it is at.
 *
 * A call is in one stage at a time, from `receive` at its start to `send` at its end, so that its stages
 * explain all of its time.
 */
export interface Stages {
  /** The stage that the call is in. */
  readonly stage: string;
  /** Ends that stage, and begins another, unless it is the same. */
  enter(stage: string): void;
  /**
   * The same for what worker threads do, the first task's clock being this one: before a thread has come
   * to that, the call waits for one; a part of it may be `sync`.
   */
  enterWork(stage: string, clock: TaskClock): void;
  /** Notes what a worker thread has done, beside what the call itself is at. */
  addWork(stage: string, time: TaskTime): void;
}

/** For work that belongs to no call. */
export const noStages: Stages = { stage: '', enter() {}, enterWork() {}, addWork() {} };

/** For work that goes on beside what its call is at. */
export const beside = (stages: Stages): Stages => ({
  ...noStages,
  addWork: (stage, time) => stages.addWork(stage, time),
});

/** Stages of a message that comes, and of an answer that its client takes. */
export const receiving = 'receive';
export const sending = 'send';

/** More spans of one stage of a call are part of its total, and not kept. */
const stageSpansMax = 100;

interface Wait {
  readonly startMs: number;
  readonly endMs: number;
}

/** What is known of a call, for its line in the log, the metrics and its trace. */
export class CallRecord implements Stages {
  readonly startMs = performance.now();
  endMs = 0;
  /** The status that was sent; undefined if the call was over before one was. */
  code: number | undefined;
  /** Whether there is no such method, so that its path is only a client's text. */
  isUnknown = false;
  /** Whether an answer, with the code OK, says that it is a refusal. */
  isRefused = false;
  /** What the client was told, if the call failed or was refused. */
  details: string | undefined;
  /** Of messages as they are on the wire, each with its prefix. */
  requestBytes = 0;
  responseBytes = 0;
  /** Who has called: the name of a token. */
  client: string | undefined;
  readonly stages: StageTotal[] = [];
  /** Only of a call that is traced. */
  readonly spans: StageSpan[] | undefined;
  stage = receiving;
  #sinceMs = this.startMs;
  #clock: TaskClock | undefined;
  /** When the last work ended that threads have told of in this stage; undefined if they have not. */
  #workedMs: number | undefined;
  /** When a message of it has begun to wait for its gate, if one waits. */
  #waitingSinceMs: number | undefined;
  /** Those that are over, and are no part of a stage yet. */
  #waits: Wait[] | undefined;

  constructor(
    readonly id: string,
    readonly path: string,
    readonly peer: string,
    /** What the client's own trace says of the call, as W3C's `traceparent`. */
    readonly traceParent: string | undefined,
    /** W3C's `tracestate`; of a call that is traced only. */
    readonly traceState: string | undefined,
    isTraced: boolean,
  ) {
    this.spans = isTraced ? [] : undefined;
  }

  get ms(): number {
    return this.endMs - this.startMs;
  }

  enter(stage: string): void {
    // A handler may go on after its call.
    if (stage !== this.stage && this.endMs === 0) this.#begin(stage, performance.now());
  }

  enterWork(stage: string, clock: TaskClock): void {
    if (stage === this.stage || this.endMs !== 0) return;
    this.#begin(stage, performance.now());
    this.#clock = clock;
    this.#workedMs = undefined;
  }

  addWork(stage: string, { startedAtMs, endedAtMs, thread, sync }: TaskTime): void {
    if (this.spans === undefined || this.endMs !== 0) return;
    const startMs = Math.max(sinceOrigin(startedAtMs), this.startMs);
    const endMs = Math.max(sinceOrigin(endedAtMs), startMs);
    if (stage === this.stage) this.#workedMs = Math.max(this.#workedMs ?? endMs, endMs);
    const syncMs =
      sync === undefined ? endMs : within(sinceOrigin(sync.startedAtMs), startMs, endMs);
    this.#addSpan({ stage, startMs, endMs: syncMs, thread });
    if (sync === undefined) return;
    const syncedMs = within(sinceOrigin(sync.endedAtMs), syncMs, endMs);
    this.#addSpan({ stage: 'sync', startMs: syncMs, endMs: syncedMs, thread });
  }

  /** Says that a message waits from now on to be let in. */
  waitBegins(): void {
    this.#waitingSinceMs = performance.now();
  }

  waitEnds(): void {
    if (this.#waitingSinceMs === undefined) return;
    this.#waits ??= [];
    this.#waits.push({ startMs: this.#waitingSinceMs, endMs: performance.now() });
    this.#waitingSinceMs = undefined;
  }

  /** Ends the last stage, and so the call. */
  end(): void {
    const nowMs = performance.now();
    this.#begin('', nowMs);
    this.endMs = nowMs;
  }

  #begin(stage: string, nowMs: number): void {
    if (this.#clock !== undefined) this.#noteWork(this.#clock, nowMs);
    else if (this.#waitingSinceMs !== undefined || this.#waits !== undefined)
      this.#noteWaits(nowMs);
    else this.#note(this.stage, this.#sinceMs, nowMs);
    this.stage = stage;
    this.#sinceMs = nowMs;
  }

  /** What messages wait for is no time of the client, nor of anything else that waits for them. */
  #noteWaits(nowMs: number): void {
    const isWaiting = this.#waitingSinceMs !== undefined;
    this.waitEnds();
    const waits = this.#waits ?? [];
    this.#waits = undefined;
    if (isWaiting) this.#waitingSinceMs = nowMs;
    let fromMs = this.#sinceMs;
    // A message that is read ahead, while the one before is worked on, keeps nobody waiting.
    for (const wait of this.stage === receiving ? waits : []) {
      const startMs = within(wait.startMs, fromMs, nowMs);
      const endMs = within(wait.endMs, startMs, nowMs);
      if (endMs === startMs) continue;
      this.#note(this.stage, fromMs, startMs);
      this.#note('admission wait', startMs, endMs);
      fromMs = endMs;
    }
    this.#note(this.stage, fromMs, nowMs);
  }

  #noteWork(clock: TaskClock, nowMs: number): void {
    const { stage } = this;
    const time = readTaskClock(clock);
    this.#clock = undefined;
    const startMs = time === undefined ? nowMs : sinceOrigin(time.startedAtMs);
    const workMs = within(startMs, this.#sinceMs, nowMs);
    this.#note(`${stage} wait`, this.#sinceMs, workMs);
    if (time === undefined) return;
    const { sync, thread } = time;
    const syncMs =
      sync === undefined ? nowMs : within(sinceOrigin(sync.startedAtMs), workMs, nowMs);
    const syncedMs =
      sync === undefined ? nowMs : within(sinceOrigin(sync.endedAtMs), syncMs, nowMs);
    this.#count(stage, syncMs - workMs + (nowMs - syncedMs));
    if (sync !== undefined) this.#count('sync', syncedMs - syncMs);
    const workedMs = this.#workedMs;
    // A task that is not over when its call is.
    if (workedMs === undefined) this.#addSpan({ stage, startMs: workMs, endMs: nowMs, thread });
    // Its way back, to a thread that may be busy.
    else if (workedMs < nowMs) {
      const result = `${stage} result`;
      this.#addSpan({ stage: result, startMs: workedMs, endMs: nowMs, thread: undefined });
    }
  }

  #note(stage: string, startMs: number, endMs: number): void {
    this.#count(stage, endMs - startMs);
    if (this.spans !== undefined) this.#addSpan({ stage, startMs, endMs, thread: undefined });
  }

  #count(stage: string, ms: number): void {
    for (const total of this.stages) {
      if (total.stage !== stage) continue;
      total.ms += ms;
      return;
    }
    this.stages.push({ stage, ms });
  }

  #addSpan(span: StageSpan): void {
    const { spans } = this;
    if (spans === undefined) return;
    const count = spans.reduce((sum, { stage }) => sum + (stage === span.stage ? 1 : 0), 0);
    if (count < stageSpansMax) spans.push(span);
  }
}

/** Methods whose calls last as long as their clients like. */
const lasting: ReadonlySet<string> = new Set([
  '/grpc.health.v1.Health/Watch',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
]);

/** Whether the time of a method's calls says nothing of the server. */
export const isLasting = (path: string) => lasting.has(path);

/** Threads have origins of their own. */
const sinceOrigin = (atMs: number) => atMs - performance.timeOrigin;

const within = (ms: number, fromMs: number, toMs: number) => Math.min(Math.max(ms, fromMs), toMs);
