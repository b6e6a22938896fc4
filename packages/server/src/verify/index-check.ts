import { keyOf, storedEntry } from '../tables/index-entry.js';
import { emptyIndexState, type IndexState, stateAfter } from '../tables/index-state.js';
import type { ColumnRange } from '../tables/parquet-file.js';
import { createFingerprint, sameFingerprint } from './fingerprint.js';
import type { IndexWalk } from './lmdb-child.js';
import type { WalkedEntry } from './log-walk.js';

/** What the index must hold, by the log and the Parquet files. */
export interface ExpectedIndex {
  addEntry(entry: WalkedEntry): void;
  /** Adds a chunk of an entry; `ranges` are undefined if its Parquet file cannot be read. */
  addChunk(
    chunkNumber: number,
    chunk: WalkedEntry['chunks'][number],
    ranges: ReadonlyMap<string, readonly ColumnRange[]> | undefined,
  ): void;
  /** What is wrong with the index; undefined if nothing is. */
  fault(): IndexFault | undefined;
}

export interface IndexFault {
  readonly what: string;
  /**
   * `damaged`: it holds what it must not. `behind`: it lacks the last commits, as a crash can leave
   * it. `of-other-log`: it has taken in commits that the log does not have.
   */
  readonly kind: 'damaged' | 'behind' | 'of-other-log';
}

/** `walk` is what was found in the index, which may have taken in a part of the log. */
export function expectIndex(walk: IndexWalk): ExpectedIndex {
  const nextVersion = walk.state?.nextVersion ?? 0;
  const columns = createFingerprint();
  const ranges = createFingerprint();
  const checksums = createFingerprint();
  const chunks = createFingerprint();
  const removed = createFingerprint();
  let areRangesKnown = !walk.hasUnknownRanges;
  let commits = 0;
  let isWithin = false;
  let state = emptyIndexState;

  return {
    addEntry(entry) {
      // Those that a checkpoint has taken the place of are counted, too.
      commits = Math.max(commits, entry.version + 1);
      if (entry.version >= nextVersion || nextVersion === 0) {
        // It ends among the commits that a checkpoint has taken the place of.
        isWithin ||= state.nextVersion < nextVersion;
        return;
      }
      state = stateAfter(state, entry);
      for (const { id, number, version, columns: names } of entry.removed) {
        removed.add(number, id, version);
        for (const name of names) removed.add(keyOf(name, number).toString('hex'), version);
      }
    },

    addChunk(chunkNumber, chunk, found) {
      const { version } = chunk;
      if (version >= nextVersion) return;
      if (found === undefined) areRangesKnown = false;
      const indexed = { ...chunk, ranges: found ?? new Map() };
      for (const [place, column] of chunk.columns.entries()) {
        const [id, csvBytes, , count, type, field, places] = storedEntry(indexed, place, column);
        const name = keyOf(column.name, chunkNumber).toString('hex');
        columns.add(name, id, csvBytes, place, count, type, field);
        if (type === 'long') ranges.add(name, places);
      }
      const { id, rows, csvBytes, parquetBytes } = chunk;
      chunks.add(chunkNumber, id, rows, csvBytes, parquetBytes, version);
      const { csvCrc32c, parquetCrc32c } = chunk.checksums ?? {};
      if (csvCrc32c !== undefined) checksums.add(chunkNumber, csvCrc32c, parquetCrc32c);
    },

    fault() {
      const lacking = commits - nextVersion;
      const behind = `lacks the last ${lacking === 1 ? 'commit' : `${lacking} commits`} of the log`;
      if (isWithin) return { kind: 'behind', what: behind };
      if (state.nextVersion !== nextVersion || state.lastDigest !== walk.state?.lastDigest) {
        const what = `has taken in ${nextVersion} commits of a log that is not this one`;
        return { kind: 'of-other-log', what };
      }
      const isSame =
        sameFingerprint(walk.columns, columns.value()) &&
        sameFingerprint(walk.checksums, checksums.value()) &&
        sameFingerprint(walk.chunks, chunks.value()) &&
        sameFingerprint(walk.removed, removed.value()) &&
        (!areRangesKnown || sameFingerprint(walk.ranges, ranges.value())) &&
        sameState(walk.state, state);
      if (!isSame) return { kind: 'damaged', what: 'does not hold what the log says' };
      if (nextVersion === commits) return undefined;
      return { kind: 'behind', what: behind };
    },
  };
}

function sameState(found: IndexState | undefined, expected: IndexState): boolean {
  if (found === undefined) return expected.nextVersion === 0;
  const parts = (state: IndexState) => {
    const { tableId, chunks, removedChunks, rows, csvBytes, parquetBytes } = state;
    const fields = state.fields.map((f) => [f.field, f.type, f.column]);
    return JSON.stringify([tableId, chunks, removedChunks, fields, rows, csvBytes, parquetBytes]);
  };
  return parts(found) === parts(expected);
}
