import { threadId } from 'node:worker_threads';
import type { TaskTime } from './observe/call-record.js';
import { syncPlaces, takeSyncs, tellSyncs } from './sync-time.js';

/** Where a worker thread writes when it worked on a task; its result, or its error, has no place for it. */
export type TaskClock = Float64Array;

/** When the task began and ended, in milliseconds since 1970, and the thread; then its syncs. */
const places = 3;

export function createTaskClock(): TaskClock {
  return new Float64Array(
    new SharedArrayBuffer((places + syncPlaces) * Float64Array.BYTES_PER_ELEMENT),
  ) as Float64Array;
}

/** What a thread has written, whose syncs are noted; undefined if none came to the task. */
export function readTaskClock(clock: TaskClock): TaskTime | undefined {
  const [start = 0, end = 0, thread = 0] = clock;
  if (start === 0) return undefined;
  takeSyncs(clock.subarray(places));
  // A thread that was ended in the middle has written no end.
  return { startedAtMs: start, endedAtMs: end === 0 ? nowMs() : end, thread };
}

/** The same function of a task, which writes when it began and ended. */
export function timed<Task extends object, Result>(
  work: (task: Task) => Result | Promise<Result>,
): (task: Task & { readonly clock: TaskClock }) => Promise<Result> {
  return async (task) => {
    task.clock[0] = nowMs();
    task.clock[2] = threadId;
    tellSyncs(task.clock.subarray(places));
    try {
      return await work(task);
    } finally {
      tellSyncs(undefined);
      task.clock[1] = nowMs();
    }
  };
}

// Threads have origins of their own.
const nowMs = () => performance.timeOrigin + performance.now();
