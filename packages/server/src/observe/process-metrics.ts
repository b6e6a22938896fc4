import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Asked, MetricSink } from './metric-sink.js';

/** How often the event loop is looked at. */
const resolutionMs = 10;

/** Adds what is known of the process: its memory against its limit, its event loop, its age. */
export function addProcess(sink: MetricSink, version: string): () => void {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  // The wait for its turn is part of what is recorded.
  const delaySeconds = (percent: number) =>
    Math.max(0, delay.percentile(percent) / 1e9 - resolutionMs / 1000);
  const memory = new Map<string, Asked>([
    ['resident', () => process.memoryUsage.rss()],
    ['heap', () => process.memoryUsage().heapUsed],
    ['external', () => process.memoryUsage().external],
  ]);
  sink.gauges('tally_memory_bytes', 'Memory of the process, by kind.', 'kind', memory);
  sink.gauge(
    'tally_memory_limit_bytes',
    'Memory that the process may take, of its container or of the machine.',
    memoryLimit,
  );
  sink.gauge(
    'tally_memory_used_bytes',
    'Memory of the container; of the process if there is none.',
    memoryUsed,
  );
  sink.varyingGauges(
    'tally_event_loop_delay_seconds',
    'How late the main thread came to its next work since the metrics were read last.',
    'quantile',
    async () => {
      const seconds = new Map(
        [50, 99, 100].map((percent) => [String(percent / 100), delaySeconds(percent)]),
      );
      delay.reset();
      return seconds;
    },
  );
  sink.gauge(
    'tally_start_time_seconds',
    'When the process started, in seconds since 1970.',
    () => performance.timeOrigin / 1000,
  );
  sink.counter('tally_cpu_seconds_total', 'Processor time of all threads.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  sink.gauges(
    'tally_build_info',
    '1, of the version that runs.',
    'version',
    new Map([[version, () => 1]]),
  );
  return () => delay.disable();
}

/** Whether the process has less than the machine. */
function isLimited(): boolean {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem();
}

/** What the container, or else the machine, lets the process have. */
const memoryLimit = () => (isLimited() ? process.constrainedMemory() : totalmem());

/** What is compared with the limit: in a container, pages of files that are being written count too. */
function memoryUsed(): number {
  if (!isLimited()) return process.memoryUsage.rss();
  for (const file of usageFiles) {
    try {
      return Number(readFileSync(file, 'utf8'));
    } catch {
      // Of the other version of control groups.
    }
  }
  return process.memoryUsage.rss();
}

const usageFiles = ['/sys/fs/cgroup/memory.current', '/sys/fs/cgroup/memory/memory.usage_in_bytes'];
