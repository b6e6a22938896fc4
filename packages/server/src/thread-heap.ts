import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The heap of a thread of any pool: small, as what is large is read into buffers outside it. */
export const threadHeap = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

/**
 * V8 first looks at a heap's old garbage when it is half the limit, which a quiet thread reaches
 * after hours: a dozen threads would seem to leak 300 MB. A busy thread gets there in seconds,
 * and is left to V8.
 */
const garbageBytesMax = 2 * 1024 * 1024;
const collectMsMin = 10_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

let kept = { bytes: usedBytes(), atMs: performance.now() };

function usedBytes(): number {
  return getHeapStatistics().used_heap_size;
}

function collectGarbage(): void {
  if (usedBytes() - kept.bytes <= garbageBytesMax) return;
  if (performance.now() - kept.atMs < collectMsMin) return;
  collect();
  kept = { bytes: usedBytes(), atMs: performance.now() };
}

/** The task of a thread, which now and then leaves a collected heap behind. */
export function collected<Task, Result>(
  run: (task: Task) => Result | Promise<Result>,
): (task: Task) => Promise<Result> {
  return async (task) => {
    try {
      return await run(task);
    } finally {
      collectGarbage();
    }
  };
}
