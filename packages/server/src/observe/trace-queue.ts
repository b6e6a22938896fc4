import { setTimeout as delay } from 'node:timers/promises';
import { logger } from '../logger.js';
import type { CallRecord } from './call-record.js';

/** Calls on their way to the collector: the spans of each are sent or dropped together. */
export interface TraceQueue {
  /** Takes a call that is over, or drops it if the collector is too slow. */
  add(record: CallRecord): void;
  stats(): TraceStats;
  /** Sends what is there for at most `lastTracesMs`; the rest is dropped. */
  close(): Promise<void>;
}

/** Spans since the start. */
export interface TraceStats {
  readonly sent: number;
  readonly dropped: number;
}

/** Sends the spans of calls; resolves to why they have not arrived, or to undefined. */
export type SendTraces = (records: readonly CallRecord[]) => Promise<string | undefined>;

/** Some MB. */
const queuedSpansMax = 16_384;
/** What is sent at once: its JSON is made on the main thread. */
const batchSpansMin = 512;
/** Calls wait for others so long. */
const gatherMs = 1000;
/** How long the last traces have to be sent when the server ends. */
const lastTracesMs = 1000;
const warnEveryMs = 60_000;

/** Of the call itself, and of its stages. */
const spansOf = ({ spans = [] }: CallRecord) => 1 + spans.length;

export function createTraceQueue(collector: string, send: SendTraces): TraceQueue {
  let queued: CallRecord[] = [];
  let queuedSpans = 0;
  let sent = 0;
  let dropped = 0;
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let sendingSpans = 0;
  let warnedMs = Number.NEGATIVE_INFINITY;
  let droppedWhenWarned = 0;
  /** Whether all that is there is to be sent, and no more comes. */
  let isClosing = false;
  /** Whether nothing more is sent. */
  let isOver = false;

  function drop(spans: number, why: string): void {
    dropped += spans;
    const nowMs = performance.now();
    if (nowMs - warnedMs < warnEveryMs) return;
    warnedMs = nowMs;
    logger.warn(
      { collector, spansDropped: dropped - droppedWhenWarned },
      `Traces do not arrive: ${why}`,
    );
    droppedWhenWarned = dropped;
  }

  /** The oldest calls, whole ones. */
  function takeBatch(): { records: CallRecord[]; spans: number } {
    let spans = 0;
    let count = 0;
    while (spans < batchSpansMin && count < queued.length) {
      spans += spansOf(queued[count++] as CallRecord);
    }
    const records = queued.slice(0, count);
    queued = queued.slice(count);
    queuedSpans -= spans;
    return { records, spans };
  }

  /** Sends batch after batch, at least one; what is less than a batch waits for more, but at the end. */
  async function sendBatches(): Promise<void> {
    do {
      const { records, spans } = takeBatch();
      sendingSpans = spans;
      const why = await send(records).catch(reasonOf);
      // It was dropped.
      if (isOver) return;
      sendingSpans = 0;
      if (why === undefined) sent += spans;
      else drop(spans, why);
    } while (queuedSpans >= batchSpansMin || (isClosing && queued.length > 0));
  }

  function startSending(): void {
    clearTimeout(timer);
    timer = undefined;
    if (sending !== undefined || queued.length === 0) return;
    sending = sendBatches().finally(() => {
      sending = undefined;
      if (queued.length > 0) sendSoon();
    });
  }

  function sendSoon(): void {
    if (queuedSpans >= batchSpansMin) startSending();
    else if (sending === undefined) timer ??= setTimeout(startSending, gatherMs).unref();
  }

  return {
    add(record) {
      const spans = spansOf(record);
      if (isClosing) return drop(spans, 'the server ends');
      if (queuedSpans + spans > queuedSpansMax) {
        return drop(spans, `the collector is too slow: ${queuedSpansMax} spans wait for it`);
      }
      queued.push(record);
      queuedSpans += spans;
      sendSoon();
    },
    stats: () => ({ sent, dropped }),
    async close() {
      isClosing = true;
      startSending();
      // A collector that does not answer is no reason not to end, nor to end late.
      const ended = new AbortController();
      const tooLate = delay(lastTracesMs, undefined, { signal: ended.signal }).catch(() => {});
      await Promise.race([sending, tooLate]);
      ended.abort();
      isOver = true;
      const left = queuedSpans + sendingSpans;
      queued = [];
      if (left > 0) drop(left, `the collector has not taken them in ${lastTracesMs} ms at the end`);
    },
  };
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
