import { Counter, Gauge, type Registry } from 'prom-client';
import type { CacheStats, PoolStats } from './pool-stats.js';

/** A value that is asked for when the metrics are read; undefined: there is none now. */
export type Asked = () => number | undefined | Promise<number>;
export type Labelled = ReadonlyMap<string, Asked>;

/** Adds metrics that are asked for when they are read. */
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
}

export function metricSink(registry: Registry): MetricSink {
  const registers = [registry];
  return {
    gauge(name, help, value) {
      new Gauge({
        name,
        help,
        registers,
        async collect() {
          this.set((await value()) ?? 0);
        },
      });
    },
    counter(name, help, value) {
      new Counter({
        name,
        help,
        registers,
        async collect() {
          const now = (await value()) ?? 0;
          this.reset();
          this.inc(now);
        },
      });
    },
    gauges(name, help, label, values) {
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers,
        async collect() {
          for (const [key, value] of values) this.set({ [label]: key }, (await value()) ?? 0);
        },
      });
    },
    counters(name, help, label, values) {
      new Counter({
        name,
        help,
        labelNames: [label],
        registers,
        async collect() {
          const now = new Map<string, number>();
          for (const [key, value] of values) now.set(key, (await value()) ?? 0);
          this.reset();
          for (const [key, value] of now) this.inc({ [label]: key }, value);
        },
      });
    },
    varyingGauges(name, help, label, values) {
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers,
        async collect() {
          const now = await values();
          this.reset();
          for (const [key, value] of now) this.set({ [label]: key }, value);
        },
      });
    },
  };
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
