/** How long a stage of a call took in all, and how often it came. */
export interface StageTotal {
  readonly stage: string;
  ms: number;
  count: number;
}

/** One time that a stage took, in milliseconds of this thread's `performance.now()`. */
export interface StageSpan {
  readonly stage: string;
  readonly startMs: number;
  readonly endMs: number;
  /** The worker thread that did it, if one did. */
  readonly thread: number | undefined;
}

/** Where those who handle a call note what its time went to. */
export interface Stages {
  /** Notes that a stage began at `startMs` and has ended now. */
  ended(stage: string, startMs: number): void;
  /** Notes the same of a stage that a worker thread did. */
  add(span: StageSpan): void;
}

/** For work that belongs to no call. */
export const noStages: Stages = { ended() {}, add() {} };

/** What a worker thread says of a task: when it began and ended, in milliseconds since 1970. */
export interface TaskTime {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly thread: number;
}

/** Notes a task of a worker thread: its wait for a thread since `sentMs`, and the work itself. */
export function addTask(stages: Stages, stage: string, sentMs: number, time: TaskTime): void {
  const { timeOrigin } = performance;
  const startMs = Math.max(time.startedAtMs - timeOrigin, sentMs);
  const endMs = Math.max(time.endedAtMs - timeOrigin, startMs);
  stages.add({ stage: `${stage} wait`, startMs: sentMs, endMs: startMs, thread: undefined });
  stages.add({ stage, startMs, endMs, thread: time.thread });
}

/** More spans of one call are counted in their stages' totals, and not kept. */
const spansMax = 1000;

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

  constructor(
    readonly id: string,
    readonly path: string,
    readonly peer: string,
    /** What the client's own trace says of the call, as W3C's `traceparent`. */
    readonly traceParent: string | undefined,
    isTraced: boolean,
  ) {
    this.spans = isTraced ? [] : undefined;
  }

  get ms(): number {
    return this.endMs - this.startMs;
  }

  ended(stage: string, startMs: number): void {
    this.add({ stage, startMs, endMs: performance.now(), thread: undefined });
  }

  add(span: StageSpan): void {
    const ms = span.endMs - span.startMs;
    const total = this.stages.find(({ stage }) => stage === span.stage);
    if (total === undefined) this.stages.push({ stage: span.stage, ms, count: 1 });
    else {
      total.ms += ms;
      total.count++;
    }
    if (this.spans !== undefined && this.spans.length < spansMax) this.spans.push(span);
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
