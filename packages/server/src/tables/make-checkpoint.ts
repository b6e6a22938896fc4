import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncPath } from '../sync-path.js';
import { syncHandle } from '../sync-time.js';
import {
  beginCheckpoint,
  type Checkpoint,
  CheckpointFault,
  type CheckpointWriter,
  withCheckpoint,
} from './checkpoint-file.js';
import { checkpointFile, checkpointVersions, versionIn } from './checkpoint-list.js';
import type { AddedFile, ChunkRow, MetaDataAction, RemovalOfChunk } from './checkpoint-rows.js';
import {
  type Action,
  chunkTag,
  digestOf,
  parseActions,
  parseCommit,
  type RemovedChunk,
} from './delta-log.js';
import { writeNewFile } from './files.js';
import { lastCheckpointFile, lastCheckpointText } from './last-checkpoint.js';
import { fileOf } from './log-errors.js';
import type { TableField } from './schema.js';

export interface CheckpointTask {
  /** The folder of the log, and the one for work in progress. */
  readonly log: string;
  readonly spool: string;
  readonly version: number;
  /** Whether each step must survive a power loss before the next one. */
  readonly sync: boolean;
  /** Whether what is needed no more is left for the next checkpoint to remove. */
  readonly keepOld: boolean;
}

export interface MadeCheckpoint {
  /** What is wrong with checkpoints that could not be built upon. */
  readonly faults: readonly string[];
  /** Why files that are needed no more could not be removed; undefined if they are. */
  readonly notRemoved: string | undefined;
}

/**
 * Writes the checkpoint of a version and says that it is the newest; then removes what is older than
 * the one that it was built upon.
 *
 * It is built upon the newest checkpoint before it that is sound, and the commits since; without
 * one, upon all commits.
 */
export async function makeCheckpoint(task: CheckpointTask): Promise<MadeCheckpoint> {
  const { log, spool, version, sync, keepOld } = task;
  const names = await readdir(log);
  const spooled = path.join(spool, `${randomUUID()}.parquet`);
  try {
    const { base, faults, written } = await writeUponSound(task, names, spooled);
    await putInPlace(spooled, path.join(log, checkpointFile(version)), sync);
    await sayLast(task, written);
    const notRemoved =
      base === undefined || keepOld ? undefined : await removeBefore(base, log, names);
    return { faults, notRemoved };
  } finally {
    await rm(spooled, { force: true }).catch(() => {});
  }
}

interface Written {
  readonly bytes: number;
  readonly rows: number;
  /** Chunks that are there. */
  readonly chunks: number;
}

async function writeUponSound(
  { log, version, sync }: CheckpointTask,
  names: readonly string[],
  spooled: string,
): Promise<{ base: number | undefined; faults: string[]; written: Written }> {
  const faults: string[] = [];
  const earlier = checkpointVersions(names).filter((base) => base < version);
  for (const base of [...earlier, undefined]) {
    try {
      return { base, faults, written: await writeCheckpoint(spooled, log, base, version, sync) };
    } catch (error) {
      await rm(spooled, { force: true });
      if (base === undefined && faults.length > 0) throw new Error(faults.join('; '));
      if (base === undefined || !(error instanceof CheckpointFault)) throw error;
      faults.push(`_delta_log/${checkpointFile(base)} ${error.message}`);
    }
  }
  throw new Error('there is nothing to make a checkpoint of');
}

async function putInPlace(from: string, to: string, sync: boolean): Promise<void> {
  await rename(from, to);
  if (sync) await syncPath(path.dirname(to));
}

async function sayLast(
  { log, spool, version, sync }: CheckpointTask,
  { bytes, rows, chunks }: Written,
): Promise<void> {
  const spooled = path.join(spool, `${randomUUID()}.json`);
  const last = { version, size: rows, sizeInBytes: bytes, numOfAddFiles: chunks };
  try {
    await writeNewFile(spooled, lastCheckpointText(last), sync);
    await putInPlace(spooled, path.join(log, lastCheckpointFile), sync);
  } finally {
    await rm(spooled, { force: true }).catch(() => {});
  }
}

/** Removes commits and checkpoints of versions before `version`; returns why it could not. */
async function removeBefore(
  version: number,
  log: string,
  names: readonly string[],
): Promise<string | undefined> {
  try {
    for (const name of names.toSorted()) {
      const found = versionIn(name, 'json') ?? versionIn(name, 'checkpoint.parquet');
      if (found !== undefined && found < version) await rm(path.join(log, name), { force: true });
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Writes the state of a version to a new file: of the checkpoint `base`, if it is given, and the
 * commits since. Throws CheckpointFault if `base` is damaged.
 */
export async function writeCheckpoint(
  file: string,
  log: string,
  base: number | undefined,
  version: number,
  sync: boolean,
): Promise<Written> {
  const write = async (before: Checkpoint | undefined): Promise<Written> => {
    const changes = await changesSince(log, before, version);
    const { metaData, digest, removed, added } = changes;
    const handle = await open(file, 'wx');
    try {
      const removedChunks = (before?.removed ?? 0) + removed.size;
      const writer = await beginCheckpoint(handle, version, digest, removedChunks, metaData);
      await writeChunks(writer, before, log, version, changes);
      const written = await writer.finish();
      if (sync) await syncHandle('checkpoint', handle);
      return { ...written, chunks: (before?.chunks ?? 0) + added - removedChunks };
    } finally {
      await handle.close();
    }
  };
  return base === undefined
    ? write(undefined)
    : withCheckpoint(path.join(log, checkpointFile(base)), write);
}

/** What commits have changed, but for what they have added. */
interface Changes {
  readonly metaData: MetaDataAction;
  /** Of the last commit. */
  readonly digest: string;
  readonly added: number;
  /** By the number of the chunk. */
  readonly removed: ReadonlyMap<number, RemovalOfChunk>;
}

async function changesSince(
  log: string,
  before: Checkpoint | undefined,
  version: number,
): Promise<Changes> {
  let { metaData, digest = '' }: { metaData?: MetaDataAction; digest?: string } = before ?? {};
  let fields: readonly TableField[] = [];
  let added = 0;
  const removed = new Map<number, RemovalOfChunk>();
  for await (const commit of commitsOf(log, before, version)) {
    // Throws if it is not of Tally; that every field of a chunk is known does not matter here.
    fields = parseCommit(commit.version, commit.text, fields).fields ?? fields;
    digest = digestOf(commit.text);
    for (const { metaData: changed, add, remove } of commit.actions) {
      if (changed !== undefined) metaData = changed as MetaDataAction;
      if (add !== undefined) added++;
      if (remove === undefined) continue;
      const { tags = {}, deletionTimestamp = 0 } = remove;
      const { number }: RemovedChunk = JSON.parse(tags[chunkTag] ?? '');
      removed.set(number, { version: commit.version, deletionTimestamp, tags });
    }
  }
  if (metaData === undefined) throw new Error('no commit has the metadata of the table');
  return { metaData, digest, added, removed };
}

interface Commit {
  readonly version: number;
  readonly text: string;
  readonly actions: readonly Action[];
}

async function* commitsOf(
  log: string,
  before: Checkpoint | undefined,
  last: number,
): AsyncGenerator<Commit> {
  for (let version = (before?.version ?? -1) + 1; version <= last; version++) {
    const text = await readFile(path.join(log, fileOf(version)), 'utf8');
    yield { version, text, actions: parseActions(text) ?? [] };
  }
}

/** The chunks of a row group, whose texts take this many characters or a chunk more. */
const groupRowsMax = 1000;
const groupCharactersMax = 1024 * 1024;

async function writeChunks(
  writer: CheckpointWriter,
  before: Checkpoint | undefined,
  log: string,
  version: number,
  { removed }: Changes,
): Promise<void> {
  let number = 0;
  let rows: ChunkRow[] = [];
  let characters = 0;

  async function flush(): Promise<void> {
    if (rows.length > 0) await writer.addChunks(rows);
    rows = [];
    characters = 0;
  }

  async function add(row: ChunkRow): Promise<void> {
    const removal = removed.get(++number);
    const now = removal === undefined ? row : { ...row, removed: removal };
    rows.push(now);
    characters += JSON.stringify(now).length;
    if (rows.length >= groupRowsMax || characters >= groupCharactersMax) await flush();
  }

  for (const [i, group] of (before?.groups ?? []).entries()) {
    // The last one is filled up, lest there be one for each checkpoint.
    const isOpen = i + 1 === before?.groups.length && group.rows < groupRowsMax;
    const last = number + group.rows;
    const isChanged = [...removed.keys()].some((of) => of > number && of <= last);
    if (isOpen || isChanged) {
      for (const row of (await before?.rowsOf(group)) ?? []) await add(row);
      if (!isOpen) await flush();
    } else {
      await writer.copy(group, (await before?.bytesOf(group)) as Uint8Array);
      number = last;
    }
  }
  for await (const commit of commitsOf(log, before, version)) {
    for (const { add: action } of commit.actions) {
      if (action !== undefined)
        await add({ add: addedFile(action as AddedFile), version: commit.version });
    }
  }
  await flush();
}

const addedFile = ({ path, size, modificationTime, stats, tags }: AddedFile): AddedFile => ({
  path,
  size,
  modificationTime,
  stats,
  tags,
});
