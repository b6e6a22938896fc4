import { totalmem } from 'node:os';
import { groupMemory } from './group-memory.js';
import type { Asked, MetricSink } from './metric-sink.js';
import { Seconds } from './seconds-histogram.js';

/** How often the event loop is looked at. */
const lookMs = 10;

/** Adds what is known of the process: its memory against its limit, its event loop, its age. */
export function addProcess(sink: MetricSink, version: string): () => void {
  const delays = new Seconds();
  let lookedMs = performance.now();
  const looking = setInterval(() => {
    const nowMs = performance.now();
    delays.add(Math.max(0, nowMs - lookedMs - lookMs) / 1000);
    lookedMs = nowMs;
  }, lookMs);
  looking.unref();
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
    'Memory of the container but for pages of files that it can do without; of the process if there is none.',
    memoryUsed,
  );
  sink.histogram(
    'tally_event_loop_delay_seconds',
    'How late the main thread came to its next work, looked at a hundred times a second.',
    () => [[{}, delays]],
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
  return () => clearInterval(looking);
}

/** Whether the process has less than the machine. */
function isLimited(): boolean {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem();
}

/** What the container, or else the machine, lets the process have. */
const memoryLimit = () => (isLimited() ? process.constrainedMemory() : totalmem());

/** What is compared with the limit. */
function memoryUsed(): number {
  return (isLimited() ? groupMemory() : undefined) ?? process.memoryUsage.rss();
}
