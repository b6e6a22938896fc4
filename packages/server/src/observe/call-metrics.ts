import { status } from '@grpc/grpc-js';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CallRecord } from './call-record.js';
import type { CallObserver, ObservedCalls } from './observe-calls.js';

/** From half a millisecond to half a minute. */
const secondsBuckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Measures calls and their stages for a registry. */
export function callMetrics(registry: Registry): CallObserver {
  const registers = [registry];
  const calls = new Counter({
    name: 'tally_calls_total',
    help: 'Calls that are over, by service, method and status code.',
    labelNames: ['service', 'method', 'code'],
    registers,
  });
  const seconds = new Histogram({
    name: 'tally_call_duration_seconds',
    help: 'How long calls took, from their headers to the end of their stream.',
    labelNames: ['service', 'method'],
    buckets: secondsBuckets,
    registers,
  });
  const requestBytes = new Counter({
    name: 'tally_request_bytes_total',
    help: 'Bytes of the messages of requests as they came, each with its prefix of 5 bytes.',
    labelNames: ['service', 'method'],
    registers,
  });
  const responseBytes = new Counter({
    name: 'tally_response_bytes_total',
    help: 'Bytes of the messages of answers, each with its prefix of 5 bytes.',
    labelNames: ['service', 'method'],
    registers,
  });
  const stageSeconds = new Histogram({
    name: 'tally_stage_duration_seconds',
    help: 'What the time of calls went to; "commit" is what makes a change durable.',
    labelNames: ['stage'],
    buckets: secondsBuckets,
    registers,
  });

  interface OfMethod {
    readonly calls: Map<number, Counter.Internal>;
    readonly seconds: Histogram.Internal<'service' | 'method'>;
    readonly requestBytes: Counter.Internal;
    readonly responseBytes: Counter.Internal;
  }
  // The labels of a call cost more than the call's own sums, so they are looked up once.
  const methods = new Map<string, OfMethod>();
  const stages = new Map<string, Histogram.Internal<'stage'>>();

  function ofMethod(path: string): OfMethod {
    const known = methods.get(path);
    if (known !== undefined) return known;
    const [, service = '', method = ''] = path.split('/');
    const made: OfMethod = {
      calls: new Map(),
      seconds: seconds.labels(service, method),
      requestBytes: requestBytes.labels(service, method),
      responseBytes: responseBytes.labels(service, method),
    };
    methods.set(path, made);
    return made;
  }

  function counterOf({ calls: byCode }: OfMethod, path: string, code: number): Counter.Internal {
    const known = byCode.get(code);
    if (known !== undefined) return known;
    const [, service = '', method = ''] = path.split('/');
    const made = calls.labels(service, method, status[code] ?? String(code));
    byCode.set(code, made);
    return made;
  }

  function ofStage(stage: string): Histogram.Internal<'stage'> {
    const known = stages.get(stage) ?? stageSeconds.labels(stage);
    stages.set(stage, known);
    return known;
  }

  return (record: CallRecord) => {
    const method = ofMethod(record.path);
    counterOf(method, record.path, record.code ?? status.CANCELLED).inc();
    method.seconds.observe(record.ms / 1000);
    method.requestBytes.inc(record.requestBytes);
    method.responseBytes.inc(record.responseBytes);
    for (const { stage, ms } of record.stages) ofStage(stage).observe(ms / 1000);
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
