import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Semaphore } from 'async-mutex';
import type { Catalog } from './catalog.js';
import type { ChunkLimits } from './csv-faults.js';
import { UncertainCommitError } from './delta-log.js';
import { type TableFolders, writeNewFile } from './files.js';
import type { TablePool } from './pool.js';

/** What an upload needs of its table. */
export interface IngestContext {
  readonly folders: TableFolders;
  readonly catalog: Catalog;
  readonly pool: TablePool;
  readonly limits: ChunkLimits;
  readonly sync: boolean;
  /** Bounds the uploads in progress, and so the files that they hold open. */
  readonly slots: Semaphore;
}

/** An upload holds its CSV file, its Parquet file and, to sync it, a folder. */
const filesPerUpload = 3;

/** How many uploads may be in progress so that no more than `openFilesMax` files are open. */
export function createUploadSlots(openFilesMax: number, tableThreads: number): Semaphore {
  // Each table thread may have one file open for a sum, and the committer two.
  return new Semaphore(Math.max(1, Math.floor((openFilesMax - tableThreads - 2) / filesPerUpload)));
}

/**
 * Adds a CSV file to the table and resolves once the chunk is on disk for good and visible.
 *
 * Resolves to undefined, or to one sentence on what is wrong with the file; then, as after an
 * error, nothing is kept.
 */
export function upload(context: IngestContext, csv: Uint8Array): Promise<string | undefined> {
  return context.slots.runExclusive(() => uploadNow(context, csv));
}

async function uploadNow(context: IngestContext, csv: Uint8Array): Promise<string | undefined> {
  const { folders, catalog, pool, limits, sync } = context;
  const id = randomUUID();
  const files = {
    spoolPath: path.join(folders.spool, `${id}.csv`),
    parquetSpoolPath: path.join(folders.spool, `${id}.parquet`),
    csvPath: path.join(folders.csv, `${id}.csv`),
    parquetPath: path.join(folders.parquet, `${id}.parquet`),
  };
  let committed = false;
  let isUncertain = false;
  try {
    await writeNewFile(files.spoolPath, csv, false);
    // Another upload may give a new column another type meanwhile; then this one is planned
    // again. Types are few, so this ends.
    for (let task = files; !committed; task = { ...files, spoolPath: files.csvPath }) {
      const fields = await catalog.fields();
      const chunk = await pool.ingest({ ...task, fields, limits, sync });
      if ('fault' in chunk) return chunk.fault;
      committed = await catalog.commit(id, chunk);
    }
    return undefined;
  } catch (error) {
    isUncertain = error instanceof UncertainCommitError;
    throw error;
  } finally {
    // A chunk that the log may name keeps its files.
    if (!committed && !isUncertain)
      for (const file of Object.values(files)) await rm(file, { force: true });
  }
}
