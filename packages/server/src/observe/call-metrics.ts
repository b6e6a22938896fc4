import { status } from '@grpc/grpc-js';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { CallRecord } from './call-record.js';
import type { CallObserver, ObservedCalls } from './observe-calls.js';
import { addSecondsHistogram, Seconds } from './seconds-histogram.js';

/** What is known of the calls of a method that are over. */
interface OfMethod {
  readonly labels: { readonly service: string; readonly method: string };
  /** How many, by code. */
  readonly calls: Map<number, number>;
  readonly seconds: Seconds;
  requestBytes: number;
  responseBytes: number;
}

/**
 * Measures calls and their stages for a registry.
 *
 * A call adds to plain numbers only, which the registry's metrics are made of when they are read.
 */
export function callMetrics(registry: Registry): CallObserver {
  const methods = new Map<string, OfMethod>();
  const stages = new Map<string, Seconds>();

  function ofMethod(path: string): OfMethod {
    const known = methods.get(path);
    if (known !== undefined) return known;
    const [, service = '', method = ''] = path.split('/');
    const labels = { service, method };
    const made = {
      labels,
      calls: new Map(),
      seconds: new Seconds(),
      requestBytes: 0,
      responseBytes: 0,
    };
    methods.set(path, made);
    return made;
  }

  function ofStage(stage: string): Seconds {
    const known = stages.get(stage);
    if (known !== undefined) return known;
    const made = new Seconds();
    stages.set(stage, made);
    return made;
  }

  const registers = [registry];
  new Counter({
    name: 'tally_calls_total',
    help: 'Calls that are over, by service, method and status code.',
    labelNames: ['service', 'method', 'code'],
    registers,
    collect() {
      this.reset();
      for (const { labels, calls } of methods.values()) {
        for (const [code, count] of calls) {
          this.inc({ ...labels, code: status[code] ?? String(code) }, count);
        }
      }
    },
  });
  const bytesCounter = (name: string, help: string, of: 'requestBytes' | 'responseBytes') =>
    new Counter({
      name,
      help,
      labelNames: ['service', 'method'],
      registers,
      collect() {
        this.reset();
        for (const method of methods.values()) this.inc(method.labels, method[of]);
      },
    });
  bytesCounter(
    'tally_request_bytes_total',
    'Bytes of the messages of requests as they came, each with its prefix of 5 bytes.',
    'requestBytes',
  );
  bytesCounter(
    'tally_response_bytes_total',
    'Bytes of the messages of answers, each with its prefix of 5 bytes.',
    'responseBytes',
  );
  addSecondsHistogram(
    registry,
    'tally_call_duration_seconds',
    'How long calls took, from their headers to the end of their stream.',
    () => [...methods.values()].map(({ labels, seconds }) => [labels, seconds] as const),
  );
  addSecondsHistogram(
    registry,
    'tally_stage_duration_seconds',
    'What the time of calls went to; "commit" is what makes a change durable.',
    () => [...stages].map(([stage, seconds]) => [{ stage }, seconds] as const),
  );

  return (record: CallRecord) => {
    const method = ofMethod(record.path);
    const code = record.code ?? status.CANCELLED;
    method.calls.set(code, (method.calls.get(code) ?? 0) + 1);
    method.seconds.add(record.ms / 1000);
    method.requestBytes += record.requestBytes;
    method.responseBytes += record.responseBytes;
    for (const { stage, ms } of record.stages) ofStage(stage).add(ms / 1000);
  };
}

/** Adds the number of calls in progress to a registry. */
export function progressMetric(registry: Registry, { inProgress }: ObservedCalls): void {
  new Gauge({
    name: 'tally_calls_in_progress',
    help: 'Calls that are not over.',
    registers: [registry],
    collect() {
      this.set(inProgress.size);
    },
  });
}
