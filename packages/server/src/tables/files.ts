import { open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '../data-folder.js';
import { syncPath } from '../sync-path.js';

/** Where a table keeps what it has: a Delta Lake table, and beside it the CSV files. */
export interface TableFolders {
  readonly csv: string;
  readonly delta: string;
  readonly parquet: string;
  readonly log: string;
  /** The catalog's index: what the log and the Parquet footers say, for fast reading. */
  readonly index: string;
  /** Work in progress; emptied at start. */
  readonly spool: string;
}

/** The one table that the frozen service knows. */
export const defaultTable = 'default';

/** Where the folders of a table are. */
export function tableFolders(dataDir: string, table: string): TableFolders {
  const root = path.join(dataDir, 'tables', table);
  const delta = path.join(root, 'delta');
  return {
    csv: path.join(root, 'csv'),
    delta,
    parquet: path.join(delta, 'parquet'),
    log: path.join(delta, '_delta_log'),
    index: path.join(root, 'index'),
    spool: path.join(dataDir, 'tmp'),
  };
}

/** Makes the folders of a table, durably if `sync`, and empties the spool. */
export async function openTableFolders(
  dataDir: string,
  table: string,
  sync: boolean,
): Promise<TableFolders> {
  const folders = tableFolders(dataDir, table);
  const { delta } = folders;
  const root = path.dirname(delta);
  for (const folder of Object.values(folders)) await makeFolders(folder);
  if (sync) for (const folder of [delta, root, path.dirname(root), dataDir]) await syncPath(folder);
  for (const name of await readdir(folders.spool)) {
    await rm(path.join(folders.spool, name), { recursive: true, force: true });
  }
  return folders;
}

/** Writes a new file; the name must not exist. */
export async function writeNewFile(
  file: string,
  bytes: Uint8Array | string,
  sync: boolean,
): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(bytes);
    if (sync) await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Adds bytes to the end of a file, which is made if it is missing; holds it open no longer. */
export async function appendToFile(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'a');
  try {
    await handle.writeFile(bytes);
  } finally {
    await handle.close();
  }
}
