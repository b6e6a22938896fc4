import path from 'node:path';
import { CheckpointFault, openCheckpoint } from './checkpoint-file.js';
import { checkpointFile } from './checkpoint-list.js';
import type { ChunkRow } from './checkpoint-rows.js';
import type { RemovedEntry } from './chunk-index.js';
import {
  type CommittedEntry,
  chunkTag,
  type LoggedChunk,
  parseChunk,
  parseFields,
  pathOf,
} from './delta-log.js';
import type { TableField } from './schema.js';

/** A chunk, with what its commit says of all of its chunks. */
export interface HeldChunk extends LoggedChunk {
  readonly version: number;
  readonly committedMs: number;
}

/** A part of what a checkpoint holds, in the place of commits. */
export interface HeldEntry extends CommittedEntry {
  readonly chunks: readonly HeldChunk[];
  readonly removed: readonly RemovedEntry[];
}

/** As many as a commit may have. */
const chunksMax = 64;

/**
 * All that the checkpoint of a version holds, as entries of the log: first the chunks that were ever
 * added, in their order, in entries of the version -1; then an entry of its version with the rest.
 * Throws CheckpointFault.
 */
export async function* heldEntries(log: string, version: number): AsyncGenerator<HeldEntry> {
  const checkpoint = await openCheckpoint(path.join(log, checkpointFile(version)));
  try {
    const { digest, metaData, groups, rowsOf } = checkpoint;
    const fields = parsed(() => parseFields(metaData.schemaString));
    let number = 0;
    for (const group of groups) {
      const rows = await rowsOf(group);
      for (let from = 0; from < rows.length; from += chunksMax) {
        const some = rows.slice(from, from + chunksMax);
        const held = parsed(() => heldChunks(some, number + 1, fields));
        yield { version: -1, digest: '', committedMs: 0, ...held };
        number += some.length;
      }
    }
    const rest = { tableId: metaData.id, fields, chunks: [], removed: [] };
    yield { version, digest, committedMs: 0, ...rest };
  } finally {
    await checkpoint.close();
  }
}

function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new CheckpointFault('is damaged: a row of it is not as Tally writes it', {
      cause: error,
    });
  }
}

function heldChunks(rows: readonly ChunkRow[], first: number, fields: readonly TableField[]) {
  const chunks = rows.map(({ add, version }): HeldChunk => {
    const chunk = parseChunk(add, fields);
    if (pathOf(chunk) !== add.path) throw new Error(`${add.path} is of another chunk`);
    return { ...chunk, version, committedMs: add.modificationTime };
  });
  const removed = rows.flatMap(({ removed }, i): RemovedEntry[] => {
    if (removed === undefined) return [];
    const chunk = JSON.parse(removed.tags[chunkTag] ?? '');
    if (chunk.number !== first + i) throw new Error(`the chunk ${chunk.number} is elsewhere`);
    return [{ ...chunk, version: removed.version }];
  });
  return { chunks, removed };
}
