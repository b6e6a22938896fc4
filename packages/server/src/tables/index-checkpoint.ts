import { logger } from '../logger.js';
import { CheckpointFault } from './checkpoint-file.js';
import { checkpointFile, findCheckpoints } from './checkpoint-list.js';
import type { ChunkIndex } from './chunk-index.js';
import type { DeltaLog } from './delta-log.js';
import { type HeldEntry, heldEntries } from './held-entries.js';
import { emptyIndexState, type IndexState, stateAfter } from './index-state.js';
import { damagedCheckpoint } from './log-errors.js';
import type { ColumnRange } from './parquet-file.js';

/** Where the integers of chunks that the log knows, and the index does not, are in their files. */
export type ReadRanges = (
  chunkIds: readonly string[],
) => Promise<readonly ReadonlyMap<string, readonly ColumnRange[]>[]>;

/**
 * Puts all that the newest checkpoint holds that can be read into an empty index.
 *
 * Undefined: there is none, and the commits are all there. Throws ForeignLogError if they are not.
 */
export async function indexCheckpoint(
  log: DeltaLog,
  index: ChunkIndex,
  readRanges: ReadRanges,
): Promise<IndexState | undefined> {
  const { sound, faults } = await findCheckpoints(log.folder);
  for (const version of sound) {
    try {
      return await putIn(index, heldEntries(log.folder, version), readRanges);
    } catch (error) {
      if (!(error instanceof CheckpointFault)) throw error;
      faults.push({ file: checkpointFile(version), what: error.message });
      logger.warn(`${log.folder}: ${checkpointFile(version)} ${error.message}. It is not used.`);
      await index.clear();
    }
  }
  const [fault] = faults;
  if (fault === undefined || (await log.digest(0)) !== undefined) return undefined;
  throw damagedCheckpoint(fault.file, fault.what);
}

/** Until the end the index says that it has taken in nothing. */
async function putIn(
  index: ChunkIndex,
  entries: AsyncIterable<HeldEntry>,
  readRanges: ReadRanges,
): Promise<IndexState> {
  let state: IndexState = emptyIndexState;
  for await (const entry of entries) {
    const ranges = await readRanges(entry.chunks.map(({ id }) => id));
    const indexed = entry.chunks.map((chunk, i) => ({ ...chunk, ranges: ranges[i] ?? new Map() }));
    state = stateAfter(state, entry);
    await index.add(indexed, entry.removed, state);
  }
  return state;
}
