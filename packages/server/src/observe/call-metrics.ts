import { status } from '@grpc/grpc-js';
import { Counter, Gauge, type Registry } from 'prom-client';
import { type CallRecord, isLasting } from './call-record.js';
import type { CallObserver, ObservedCalls } from './observe-calls.js';
import { addSecondsHistogram, Seconds } from './seconds-histogram.js';

/** All methods that there are not have one series: clients may call as many as they like. */
const unknownPath = '/unknown/unknown';

/** What is known of the calls of a method that are over. */
interface OfMethod {
  readonly labels: { readonly service: string; readonly method: string };
  /** How many, by code. */
  readonly calls: Map<number, number>;
  /** Undefined: they last as long as their clients like. */
  readonly seconds: Seconds | undefined;
  refused: number;
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
      seconds: isLasting(path) ? undefined : new Seconds(),
      refused: 0,
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
  const methodCounter = (
    name: string,
    help: string,
    of: 'refused' | 'requestBytes' | 'responseBytes',
  ) =>
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
  methodCounter(
    'tally_request_bytes_total',
    'Bytes of the messages of requests as they came, each with its prefix of 5 bytes.',
    'requestBytes',
  );
  methodCounter(
    'tally_response_bytes_total',
    'Bytes of the messages of answers, each with its prefix of 5 bytes.',
    'responseBytes',
  );
  methodCounter(
    'tally_refused_answers_total',
    'Answers with the code OK whose error field says why nothing was done.',
    'refused',
  );
  addSecondsHistogram(
    registry,
    'tally_call_duration_seconds',
    'How long calls took, from their headers to the end of their stream; without those that watch.',
    () =>
      [...methods.values()].flatMap(({ labels, seconds }) =>
        seconds === undefined ? [] : [[labels, seconds] as const],
      ),
  );
  addSecondsHistogram(
    registry,
    'tally_stage_duration_seconds',
    'What the time of calls went to; "commit" is what makes a change durable.',
    () => [...stages].map(([stage, seconds]) => [{ stage }, seconds] as const),
  );

  return (record: CallRecord) => {
    const method = ofMethod(record.isUnknown ? unknownPath : record.path);
    const code = record.code ?? status.CANCELLED;
    method.calls.set(code, (method.calls.get(code) ?? 0) + 1);
    method.seconds?.add(record.ms / 1000);
    if (record.isRefused) method.refused++;
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
