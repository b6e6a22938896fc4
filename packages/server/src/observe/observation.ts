import { createRequire } from 'node:module';
import { Registry } from 'prom-client';
import type { Config } from '../config.js';
import { droppedLines } from '../logger.js';
import { syncTimes } from '../sync-time.js';
import { logCall } from './call-log.js';
import { callMetrics, progressMetric } from './call-metrics.js';
import { type MetricSink, metricSink } from './metric-sink.js';
import { type MetricsServer, serveMetrics } from './metrics-server.js';
import { type CallObserver, type ObservedCalls, observeCalls } from './observe-calls.js';
import { addProcess } from './process-metrics.js';
import { openTracing, type Tracing } from './tracing.js';

/** Tally's own version. */
const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** What is seen of a server: its calls in the log, in metrics and in traces. */
export interface Observation {
  /** Undefined: nothing looks at calls. */
  readonly calls: ObservedCalls | undefined;
  /** Opens the metrics' port, if there is one, and the way to the collector. Throws StartError. */
  open(addMetrics: (sink: MetricSink) => void): Promise<void>;
  /** Undefined: there is none. */
  metricsPort(): number | undefined;
  /** Closes the metrics' port: before the parts that they are read from. */
  closeMetrics(): Promise<void>;
  /** Closes the rest; traces of the last calls are sent. */
  close(): Promise<void>;
}

export function createObservation(config: Config): Observation {
  const { logLevel, slowCallMs, metricsPort, metricsHost, otlpEndpoint } = config;
  const isLogged = logLevel !== 'silent';
  const registry = metricsPort === undefined ? undefined : new Registry();
  const observers: CallObserver[] = [];
  if (isLogged) observers.push((record) => logCall(record, slowCallMs));
  if (registry !== undefined) observers.push(callMetrics(registry));
  let tracing: Tracing | undefined;
  if (otlpEndpoint !== undefined) observers.push((record) => tracing?.observer(record));
  const calls =
    observers.length === 0
      ? undefined
      : observeCalls(
          (traceParent) => tracing?.isTraced(traceParent) === true,
          (record) => {
            for (const observe of observers) observe(record);
          },
        );
  let server: MetricsServer | undefined;
  let stopProcessMetrics: (() => void) | undefined;
  return {
    calls,
    async open(addMetrics) {
      tracing = await openTracing(config, version);
      if (registry === undefined || metricsPort === undefined || calls === undefined) return;
      progressMetric(registry, calls);
      const sink = metricSink(registry);
      sink.counter(
        'tally_log_lines_dropped_total',
        'Lines of the log that were dropped, as nobody read those before them.',
        droppedLines,
      );
      sink.histogram(
        'tally_sync_seconds',
        'How long the disk took to make something durable: files by what they are, commits of LMDB whole.',
        () => [...syncTimes].map(([what, seconds]) => [{ what }, seconds] as const),
      );
      addMetrics(sink);
      tracing.addMetrics(sink);
      stopProcessMetrics = addProcess(sink, version);
      server = await serveMetrics(registry, metricsHost, metricsPort);
    },
    metricsPort: () => server?.port,
    async closeMetrics() {
      stopProcessMetrics?.();
      await server?.close();
    },
    async close() {
      await tracing?.close();
    },
  };
}
