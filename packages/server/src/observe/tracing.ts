import { status } from '@grpc/grpc-js';
import type { Config } from '../config.js';
import { logger } from '../logger.js';
import type { CallRecord } from './call-record.js';
import type { MetricSink } from './metric-sink.js';
import type { CallObserver } from './observe-calls.js';
import { createTraceQueue } from './trace-queue.js';

/** Sends the traces of calls to a collector. */
export interface Tracing {
  /** Whether a call is traced: as its client has decided it, or so many of a thousand. */
  isTraced(traceParent: string | undefined): boolean;
  readonly observer: CallObserver;
  /** Adds how many spans have arrived, and how many have not. */
  addMetrics(sink: MetricSink): void;
  /** Sends what has not been sent, if that is soon done. */
  close(): Promise<void>;
}

/** How long the collector has for what it is sent at once. */
const exportMs = 5000;

const off: Tracing = {
  isTraced: () => false,
  observer() {},
  addMetrics() {},
  close: async () => {},
};

/**
 * Starts to send traces to `otlpEndpoint`, or does nothing without one.
 *
 * A call is a span, and each of its stages one below it: those of worker threads too. Spans are made
 * when they are sent: until then, a call is kept as what is known of it.
 */
export async function openTracing(config: Config, version: string): Promise<Tracing> {
  const { otlpEndpoint, tracesPerThousand } = config;
  if (otlpEndpoint === undefined) return off;
  // Loaded here only: they take some MB.
  const [api, sdk, { OTLPTraceExporter }, resources] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const { SpanKind, SpanStatusCode, trace, ROOT_CONTEXT } = api;
  type ReadableSpan = Parameters<InstanceType<typeof OTLPTraceExporter>['export']>[0][number];
  const url = new URL('v1/traces', otlpEndpoint.endsWith('/') ? otlpEndpoint : `${otlpEndpoint}/`);
  const exporter = new OTLPTraceExporter({ url: url.href, timeoutMillis: exportMs });
  let made: ReadableSpan[] = [];
  const provider = new sdk.TracerProvider({
    resource: resources.resourceFromAttributes({
      'service.name': 'tally',
      'service.version': version,
    }),
    spanProcessors: [
      {
        onStart() {},
        onEnd: (span) => void made.push(span),
        forceFlush: async () => {},
        shutdown: async () => {},
      },
    ],
  });
  const tracer = provider.getTracer('tally', version);

  function parentOf({ traceParent, traceState }: CallRecord) {
    const parent = parseTraceParent(traceParent);
    if (parent === undefined) return ROOT_CONTEXT;
    const state = traceState ? { traceState: api.createTraceState(traceState) } : {};
    return trace.setSpanContext(ROOT_CONTEXT, { ...parent, ...state, isRemote: true });
  }

  function makeSpans(record: CallRecord): void {
    const { path, code = status.CANCELLED } = record;
    const [, service, method] = path.split('/');
    const attributes = {
      'rpc.system': 'grpc',
      'rpc.service': service,
      'rpc.method': method,
      'rpc.grpc.status_code': code,
      'rpc.grpc.request.bytes': record.requestBytes,
      'rpc.grpc.response.bytes': record.responseBytes,
      'client.address': record.peer,
      'tally.call': record.id,
    };
    const call = tracer.startSpan(
      path.slice(1),
      { kind: SpanKind.SERVER, startTime: sinceEpoch(record.startMs), attributes },
      parentOf(record),
    );
    const inCall = trace.setSpan(ROOT_CONTEXT, call);
    for (const { stage, startMs, endMs, thread } of record.spans ?? []) {
      const startTime = sinceEpoch(startMs);
      const work = thread === undefined ? {} : { 'thread.id': thread };
      tracer.startSpan(stage, { startTime, attributes: work }, inCall).end(sinceEpoch(endMs));
    }
    if (code !== status.OK) {
      call.setStatus({ code: SpanStatusCode.ERROR, message: record.details ?? '' });
    }
    call.end(sinceEpoch(record.endMs));
  }

  const queue = createTraceQueue(url.href, (records) => {
    for (const record of records) makeSpans(record);
    const spans = made;
    made = [];
    return new Promise((resolve) => {
      exporter.export(spans, ({ error, code }) => {
        // 0 is success.
        resolve(code === 0 ? undefined : (error?.message ?? 'it cannot be reached'));
      });
    });
  });
  logger.info({ collector: url.href }, 'traces are sent');

  return {
    isTraced(traceParent) {
      const parent = parseTraceParent(traceParent);
      if (parent !== undefined) return (parent.traceFlags & 1) === 1;
      return Math.random() * 1000 < tracesPerThousand;
    },
    observer(record) {
      if (record.spans !== undefined) queue.add(record);
    },
    addMetrics(sink) {
      sink.counter(
        'tally_trace_spans_sent_total',
        'Spans that the collector has taken.',
        () => queue.stats().sent,
      );
      sink.counter(
        'tally_trace_spans_dropped_total',
        'Spans that the collector has not taken, or for which it is too slow.',
        () => queue.stats().dropped,
      );
    },
    async close() {
      await queue.close();
      // It waits for what is under way, which queue.close() has done for as long as it may take.
      void exporter.shutdown().catch(() => {});
    },
  };
}

const sinceEpoch = (ms: number) => performance.timeOrigin + ms;

/**
 * W3C Trace Context, section 3.2: version, trace, parent, flags. Of a version that is to come the first
 * four fields are as those of today, and others may follow (section 3.2.4); there is no version ff.
 */
export function parseTraceParent(text: string | undefined) {
  const [, version, traceId, spanId, flags, rest] =
    /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(
      text ?? '',
    ) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === '00' && rest !== undefined) return undefined;
  // No flag but the first is known of all versions.
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1 };
}
