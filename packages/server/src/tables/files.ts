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

/** Makes the folders of a table, durably if `sync`, and removes what a crash left in the spool. */
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
  await emptySpool(folders.spool);
  return folders;
}

/** The names that uploads and commits give to their files in the spool. */
const spooledName = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(csv|parquet|json)$/;

/** Removes files of Tally's names. What else is there is of others: it stays, and is logged. */
async function emptySpool(spool: string): Promise<void> {
  const foreign: string[] = [];
  for (const entry of await readdir(spool, { withFileTypes: true })) {
    if (entry.isFile() && spooledName.test(entry.name)) await rm(path.join(spool, entry.name));
    else foreign.push(entry.name);
  }
  if (foreign.length === 0) return;
  const shown = `${foreign.slice(0, 3).join(', ')}${foreign.length > 3 ? ', …' : ''}`;
  console.error(`${spool} holds ${shown}, which Tally did not make: it stays there.`);
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
