import { threadId } from 'node:worker_threads';
import { syncPlaces, takeSyncs, tellSyncs } from './sync-time.js';

/** Where a worker thread writes when it worked on a task; its result, or its error, has no place for it. */
export type TaskClock = Float64Array;

/** What a worker thread says of a task: when it began and ended, in milliseconds since 1970. */
export interface TaskTime {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly thread: number;
  /** When files were made durable, if any were. */
  readonly sync: { readonly startedAtMs: number; readonly endedAtMs: number } | undefined;
}

/** When the task began and ended, in milliseconds since 1970, the thread, and the same times of a sync; then all its
 * syncs. */
const places = 5;

export function createTaskClock(): TaskClock {
  return new Float64Array(
    new SharedArrayBuffer((places + syncPlaces) * Float64Array.BYTES_PER_ELEMENT),
  ) as Float64Array;
}

/** What a thread has written; undefined if none came to the task. */
export function readTaskClock(clock: TaskClock): TaskTime | undefined {
  const [start = 0, end = 0, thread = 0, syncStart = 0, syncEnd = 0] = clock;
  if (start === 0) return undefined;
  return {
    startedAtMs: start,
    // A thread that was ended in the middle, or is at it, has written no end.
    endedAtMs: end || nowMs(),
    thread,
    sync: syncStart === 0 ? undefined : { startedAtMs: syncStart, endedAtMs: syncEnd || nowMs() },
  };
}

/** Takes in the times of syncs of a task that is over; once. */
export const takeTaskSyncs = (clock: TaskClock) => takeSyncs(clock.subarray(places));

/** A task whose thread writes its times. */
export interface Timed {
  readonly clock: TaskClock;
}

/** The same function of a task, which writes when it began and ended. */
export function timed<Task extends object, Result>(
  work: (task: Task & Timed) => Result | Promise<Result>,
): (task: Task & Timed) => Promise<Result> {
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

/** Runs what makes a task's files durable, and writes when that was. */
export function timedSync<Result>({ clock }: Timed, work: () => Result): Result {
  clock[3] = nowMs();
  try {
    return work();
  } finally {
    clock[4] = nowMs();
  }
}

// Threads have origins of their own.
const nowMs = () => performance.timeOrigin + performance.now();
