import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { logger } from '../logger.js';
import { checkpointFile, checkpointVersions } from './checkpoint-list.js';
import type { AddedFile } from './checkpoint-rows.js';
import type { TableFolders } from './files.js';
import type { CheckpointTask, MadeCheckpoint } from './make-checkpoint.js';

const commitsPerCheckpoint = 100;

export interface ChunkTask {
  /** A checkpoint. */
  readonly file: string;
  /** Of the chunk. */
  readonly number: number;
}

/** A chunk as a checkpoint has it; undefined if it is not in it, or the checkpoint is not there. */
export type FoundChunk = AddedFile | { readonly fault: string } | undefined;

/** What threads do with checkpoints. */
export interface CheckpointThreads {
  /** Undefined: the server is closed. */
  makeCheckpoint(task: CheckpointTask): Promise<MadeCheckpoint | undefined>;
  chunkInCheckpoint(task: ChunkTask): Promise<FoundChunk>;
}

/** The checkpoints of a table's log. */
export interface Checkpoints {
  /** Begins one if a commit makes it due; nobody waits for it. */
  committed(version: number): void;
  /** The add action of a chunk whose commit is not in the log any more. */
  chunk(number: number): Promise<FoundChunk>;
  /** Lets no file of the log be removed by a checkpoint that is begun from now on, until the result is called. */
  keepAll(): () => void;
  /** Resolves once none is being made. */
  idle(): Promise<void>;
}

/**
 * Makes a checkpoint every 100 commits, one at a time: what becomes due meanwhile is made after it,
 * the newest only. If one fails, that is logged, and the next one that is due has what it would have had.
 */
export function createCheckpoints(
  { log, spool }: TableFolders,
  sync: boolean,
  threads: CheckpointThreads,
): Checkpoints {
  /** The version of the last one that was begun, and of the one that is due. */
  let begun: number | undefined;
  let due = 0;
  let making: Promise<void> | undefined;
  /** Those for whom nothing is removed. */
  let keepers = 0;

  async function makeAllDue(): Promise<void> {
    while (begun === undefined || due > begun) {
      begun = due;
      const version = due;
      const task = { log, spool, version, sync, keepOld: keepers > 0 };
      await threads.makeCheckpoint(task).then(report, (error) => {
        const next = version + commitsPerCheckpoint;
        logger.error(
          `The checkpoint of version ${version} of the table could not be made in ${log} ` +
            `(${reasonOf(error)}): nothing is lost, and it is tried again at version ${next}.`,
        );
      });
    }
    making = undefined;
  }

  function report(made: MadeCheckpoint | undefined): void {
    for (const fault of made?.faults ?? []) {
      logger.error(`${path.dirname(log)}: ${fault}. A new checkpoint was made without it.`);
    }
    if (made?.notRemoved === undefined) return;
    logger.error(
      `Files of ${log} that a checkpoint has replaced could not be removed (${made.notRemoved}): ` +
        'that is tried again with the next checkpoint.',
    );
  }

  return {
    committed(version) {
      begun ??= dueAt(version - 1);
      due = dueAt(version);
      if (due > begun) making ??= makeAllDue();
    },

    async chunk(number) {
      for (let newest: number | undefined; ; ) {
        const versions = checkpointVersions(await readdir(log));
        let found: FoundChunk;
        for (const version of versions) {
          const file = path.join(log, checkpointFile(version));
          const next = await threads.chunkInCheckpoint({ file, number });
          if (next !== undefined && 'path' in next) return next;
          found ??= next;
        }
        // Those that were listed may have been removed, once newer ones were there.
        if (versions[0] === newest) return found;
        newest = versions[0];
      }
    },

    keepAll() {
      keepers++;
      return () => void keepers--;
    },

    idle: async () => making,
  };
}

const dueAt = (version: number) => Math.max(0, version - (version % commitsPerCheckpoint));

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
