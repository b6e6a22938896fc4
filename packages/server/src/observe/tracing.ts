import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import type { Config } from '../config.js';
import { logger } from '../logger.js';
import type { CallRecord } from './call-record.js';
import type { CallObserver } from './observe-calls.js';

/** Sends the traces of calls to a collector. */
export interface Tracing {
  /** Whether a call is traced: as its client has decided it, or so many of a thousand. */
  isTraced(traceParent: string | undefined): boolean;
  readonly observer: CallObserver;
  /** Sends what has not been sent. */
  close(): Promise<void>;
}

/** How long the last traces have to be sent when the server ends. */
const lastTracesMs = 1000;

const off: Tracing = { isTraced: () => false, observer() {}, close: async () => {} };

/**
 * Starts to send traces to `otlpEndpoint`, or does nothing without one.
 *
 * A call is a span, and each of its stages one below it: those of worker threads too.
 */
export async function openTracing(config: Config, version: string): Promise<Tracing> {
  const { otlpEndpoint, tracesPerThousand } = config;
  if (otlpEndpoint === undefined) return off;
  // Loaded here only: they take some MB.
  const [{ context, SpanKind, SpanStatusCode, trace }, sdk, { OTLPTraceExporter }, resources] =
    await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
    ]);
  const url = new URL('v1/traces', otlpEndpoint.endsWith('/') ? otlpEndpoint : `${otlpEndpoint}/`);
  const exporter = new OTLPTraceExporter({ url: url.href });
  const provider = new sdk.TracerProvider({
    resource: resources.resourceFromAttributes({
      'service.name': 'tally',
      'service.version': version,
    }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer('tally', version);
  logger.info({ collector: url.href }, 'traces are sent');

  function parentOf({ traceParent }: CallRecord) {
    const parent = parseTraceParent(traceParent);
    return parent === undefined
      ? context.active()
      : trace.setSpanContext(context.active(), { ...parent, isRemote: true });
  }

  function observer(record: CallRecord): void {
    if (record.spans === undefined) return;
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
    const inCall = trace.setSpan(context.active(), call);
    for (const { stage, startMs, endMs, thread } of record.spans) {
      const startTime = sinceEpoch(startMs);
      const work = thread === undefined ? {} : { 'thread.id': thread };
      tracer.startSpan(stage, { startTime, attributes: work }, inCall).end(sinceEpoch(endMs));
    }
    if (code !== status.OK) {
      call.setStatus({ code: SpanStatusCode.ERROR, message: record.details ?? '' });
    }
    call.end(sinceEpoch(record.endMs));
  }

  return {
    isTraced(traceParent) {
      const parent = parseTraceParent(traceParent);
      if (parent !== undefined) return (parent.traceFlags & 1) === 1;
      return Math.random() * 1000 < tracesPerThousand;
    },
    observer,
    async close() {
      // A collector that does not answer is no reason not to end, nor to end late.
      const sent = provider.shutdown().catch(() => {});
      await Promise.race([sent, delay(lastTracesMs, undefined, { ref: false })]);
    },
  };
}

const sinceEpoch = (ms: number) => performance.timeOrigin + ms;

/** W3C Trace Context, section 3.2: version, trace, parent, flags. */
function parseTraceParent(text: string | undefined) {
  const [, traceId, spanId, flags] =
    /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
}
