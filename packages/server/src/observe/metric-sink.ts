import type { Metric, MetricValueWithName, Registry } from 'prom-client';
import type { CacheStats, PoolStats } from './pool-stats.js';
import { addSecondsHistogram, type LabelledSeconds } from './seconds-histogram.js';

/**
 * A value that is asked for when the metrics are read; undefined: there is none now, which is 0. One that
 * throws cannot be had, and is left out.
 */
export type Asked = () => number | undefined | Promise<number>;
export type Labelled = ReadonlyMap<string, Asked>;

/** Adds metrics that are asked for when they are read; one that cannot be had then is left out. */
export interface MetricSink {
  gauge(name: string, help: string, value: Asked): void;
  /** What only grows, from 0 at the start. */
  counter(name: string, help: string, value: Asked): void;
  gauges(name: string, help: string, label: string, values: Labelled): void;
  counters(name: string, help: string, label: string, values: Labelled): void;
  /** Of labels that come and go. */
  varyingGauges(
    name: string,
    help: string,
    label: string,
    values: () => Promise<ReadonlyMap<string, number>>,
  ): void;
  /** Of times in seconds. */
  histogram(name: string, help: string, series: () => Iterable<LabelledSeconds>): void;
}

export function metricSink(registry: Registry): MetricSink {
  const labelled = (type: Type, name: string, help: string, label: string, values: Labelled) =>
    addMetric(registry, type, name, help, async () => {
      const known: Value[] = [];
      for (const [key, asked] of values) {
        const value = await answerTo(asked);
        if (value !== undefined) known.push({ labels: { [label]: key }, value });
      }
      return known;
    });
  const single = (type: Type, name: string, help: string, asked: Asked) =>
    addMetric(registry, type, name, help, async () => {
      const value = await answerTo(asked);
      return value === undefined ? [] : [{ labels: {}, value }];
    });
  return {
    gauge: (name, help, value) => single('gauge', name, help, value),
    counter: (name, help, value) => single('counter', name, help, value),
    gauges: (name, help, label, values) => labelled('gauge', name, help, label, values),
    counters: (name, help, label, values) => labelled('counter', name, help, label, values),
    varyingGauges: (name, help, label, values) =>
      addMetric(registry, 'gauge', name, help, async () => {
        const known = await values().catch(() => new Map<string, number>());
        return [...known].map(([key, value]) => ({ labels: { [label]: key }, value }));
      }),
    histogram: (name, help, series) => addSecondsHistogram(registry, name, help, series),
  };
}

type Type = 'gauge' | 'counter';
type Value = Pick<MetricValueWithName<string>, 'labels' | 'value'>;

/** What is asked for; undefined if it cannot be had now, as of a part that is closed. */
async function answerTo(asked: Asked): Promise<number | undefined> {
  try {
    return (await asked()) ?? 0;
  } catch {
    // The others are shown nevertheless.
    return undefined;
  }
}

/** Adds a metric whose values are made when it is read. */
function addMetric(
  registry: Registry,
  type: Type,
  name: string,
  help: string,
  values: () => Promise<Value[]>,
): void {
  const get = async () => ({ name, help, type, aggregator: 'sum', values: await values() });
  // What a registry needs of a metric when it is read.
  registry.registerMetric({ name, get } as unknown as Metric);
}

/** Adds what is known of pools of threads. */
export function addPools(
  sink: MetricSink,
  pools: Readonly<Record<string, () => PoolStats | undefined>>,
): void {
  const each = (of: (stats: PoolStats) => number): Labelled =>
    new Map(
      Object.entries(pools).map(([name, stats]) => [
        name,
        () => {
          const known = stats();
          return known && of(known);
        },
      ]),
    );
  const label = 'pool';
  sink.gauges(
    'tally_pool_threads',
    'Worker threads.',
    label,
    each((stats) => stats.threads),
  );
  sink.gauges(
    'tally_pool_busy_threads',
    'Worker threads at work.',
    label,
    each((stats) => stats.running),
  );
  sink.gauges(
    'tally_pool_waiting_tasks',
    'Tasks that wait for a thread.',
    label,
    each((stats) => stats.waiting),
  );
  sink.counters(
    'tally_pool_tasks_total',
    'Tasks that threads have done.',
    label,
    each((stats) => stats.done),
  );
}

/** Adds what is known of caches. */
export function addCaches(
  sink: MetricSink,
  caches: Readonly<Record<string, () => CacheStats | undefined>>,
): void {
  const each = (of: keyof CacheStats): Labelled =>
    new Map(Object.entries(caches).map(([name, stats]) => [name, () => stats()?.[of]]));
  sink.counters('tally_cache_hits_total', 'Answers that a cache had.', 'cache', each('hits'));
  sink.counters(
    'tally_cache_misses_total',
    'Answers that it did not have.',
    'cache',
    each('misses'),
  );
}
