import { randomUUID } from 'node:crypto';
import { open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { logger } from '../logger.js';
import { makeFolders } from '../make-folders.js';
import { syncPath } from '../sync-path.js';
import { syncHandle } from '../sync-time.js';

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

/** Where the tables are, each in a folder of its name. */
export const tablesFolder = (dataDir: string) => path.join(dataDir, 'tables');

/** Work in progress, of all tables. */
export const spoolFolder = (dataDir: string) => path.join(dataDir, 'tmp');

/** Where the folders of a table are. */
export function tableFolders(dataDir: string, table: string): TableFolders {
  const root = path.join(tablesFolder(dataDir), table);
  const delta = path.join(root, 'delta');
  return {
    csv: path.join(root, 'csv'),
    delta,
    parquet: path.join(delta, 'parquet'),
    log: path.join(delta, '_delta_log'),
    index: path.join(root, 'index'),
    spool: spoolFolder(dataDir),
  };
}

/** Makes those folders of a table that are missing, durably if `sync`. */
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
  return folders;
}

/** The names that uploads and commits give to their files in the spool. */
const spooledName = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(csv|parquet|json)$/;

/** The names that dropped tables and backups get there. */
const workName = /^(dropped|backup)-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Removes what a crash has left in the spool, by Tally's names. What else is there is of others: it
 * stays, and is logged.
 */
export async function emptySpool(spool: string): Promise<void> {
  const foreign: string[] = [];
  await makeFolders(spool);
  for (const entry of await readdir(spool, { withFileTypes: true })) {
    const file = path.join(spool, entry.name);
    if (entry.isFile() && spooledName.test(entry.name)) await rm(file);
    else if (entry.isDirectory() && workName.test(entry.name)) await rm(file, { recursive: true });
    else foreign.push(entry.name);
  }
  if (foreign.length === 0) return;
  const shown = `${foreign.slice(0, 3).join(', ')}${foreign.length > 3 ? ', …' : ''}`;
  logger.warn(`${spool} holds ${shown}, which Tally did not make: it stays there.`);
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
    if (sync) await syncHandle('log', handle);
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

/** The names of all tables of a data folder, in order. */
export async function tableNames(dataDir: string): Promise<string[]> {
  const entries = await readdir(tablesFolder(dataDir), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && isTableName(entry.name))
    .map(({ name }) => name)
    .sort();
}

/** Whether a name can be that of a table's folder: it leads nowhere else, on any file system. */
export const isTableName = (name: string) => /^[a-z0-9][a-z0-9_-]{0,63}$/.test(name);

/** Takes the whole folder of a table away, durably if `sync`: at once, whatever a crash leaves. */
export async function removeTableFolder(
  dataDir: string,
  table: string,
  sync: boolean,
): Promise<void> {
  const tables = tablesFolder(dataDir);
  const dropped = path.join(spoolFolder(dataDir), `dropped-${randomUUID()}`);
  await rename(path.join(tables, table), dropped);
  if (sync) for (const folder of [tables, path.dirname(dropped)]) await syncPath(folder);
  await rm(dropped, { recursive: true });
}
