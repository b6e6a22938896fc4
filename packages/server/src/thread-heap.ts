import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The heap of a thread of any pool: small, as what is large is read into buffers outside it. */
export const threadHeap = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

/**
 * V8 first looks at a heap's old garbage when it is half the limit, which a quiet thread reaches
 * after hours: a dozen threads would seem to leak 300 MB. A busy thread gets there in seconds,
 * and is left to V8. With 512 KiB in place of 64 a server still grew for more than 20 minutes.
 */
const garbageBytesMax = 64 * 1024;
const collectMsMin = 10_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

let kept = { bytes: usedBytes(), atMs: performance.now() };

/** Without what is young, which V8 looks after. */
function usedBytes(): number {
  const old = getHeapSpaceStatistics().filter(({ space_name: name }) => !/^new_/.test(name));
  return old.reduce((sum, { space_used_size: bytes }) => sum + bytes, 0);
}

function collectGarbage(): void {
  if (performance.now() - kept.atMs < collectMsMin) return;
  if (usedBytes() - kept.bytes <= garbageBytesMax) return;
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
