import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { crc32c } from '@node-rs/crc32';
import type { BackedUpFile, BackupSummary } from '@tally/stubs';
import { formatFileName } from '../data-folder-format.js';
import { lmdbDataFile } from '../lmdb-file.js';
import { makeFolders } from '../make-folders.js';
import type { NumberStore } from '../numbers/store.js';
import type { FrozenTable } from '../tables/catalog.js';
import { versionIn } from '../tables/checkpoint-list.js';
import { spoolFolder, type TableFolders } from '../tables/files.js';
import { lastCheckpointFile } from '../tables/last-checkpoint.js';
import type { Table, Tables } from '../tables/tables.js';

/** What a server serves of its data. */
export interface ServedData {
  readonly numbers: NumberStore | undefined;
  readonly tables: Tables | undefined;
}

/** All data as it was at one moment, in a folder of its own, whatever becomes of the data. */
export interface Snapshot {
  readonly summary: BackupSummary;
  /** Its files, so many at a time at most. */
  batches(filesMax: number): AsyncGenerator<BackedUpFile[]>;
  /** The place of a file of it. */
  fileOf(file: BackedUpFile): string;
  release(): Promise<void>;
}

/** A file of a table cannot be had; the message is a sentence. */
export class SnapshotError extends Error {}

/**
 * Takes a snapshot: while no commit of a table passes, LMDB opens its own of the numbers; so every
 * change of either that was acknowledged before another one began is there if the other one is.
 *
 * Tables' files are never changed, so hard links keep them; the numbers are copied. What can be made
 * anew, the indices, is left out. Throws SnapshotError, and the signal's reason once it is aborted.
 */
export async function takeSnapshot(
  data: ServedData,
  dataDir: string,
  signal: AbortSignal,
): Promise<Snapshot> {
  const folder = path.join(spoolFolder(dataDir), `backup-${randomUUID()}`);
  const root = path.join(folder, 'data');
  const release = () => rm(folder, { recursive: true, force: true });
  let list: FileList | undefined;
  try {
    await makeFolders(root);
    list = await createFileList(path.join(folder, 'files'), root);
    await copyFile(path.join(dataDir, formatFileName), path.join(root, formatFileName));
    await list.addRead(formatFileName);
    const taken = await takeAll(data, root, list, signal);
    const { files, bytes } = await list.end();
    await list.close();
    const summary = { ...taken, files: BigInt(files), bytes: BigInt(bytes) };
    return {
      summary,
      batches: list.batches,
      fileOf: ({ path: name }) => inRoot(root, name),
      release,
    };
  } catch (error) {
    await list?.close();
    await release();
    throw error;
  }
}

const inRoot = (root: string, name: string) => path.join(root, ...name.split('/'));

async function takeAll(
  { numbers, tables }: ServedData,
  root: string,
  list: FileList,
  signal: AbortSignal,
): Promise<Pick<BackupSummary, 'takenMs' | 'tables' | 'numbers'>> {
  const keep = (moment: Moment) => keepAll(moment, root, list, signal);
  if (tables === undefined) return keep(await takeMoment([], numbers, root));
  return tables.withAll((all) => takeMoment(all, numbers, root), keep);
}

/** What a backup has, from the moment on that it is of. */
interface Moment {
  readonly frozen: readonly Frozen[];
  readonly takenMs: bigint;
  /** The numbers, which are still being copied. */
  readonly copy: Awaited<ReturnType<NumberStore['copyTo']>> | undefined;
}

interface Frozen {
  readonly table: Table;
  readonly at: FrozenTable;
}

/** While no commit of a table passes, LMDB opens its snapshot of the numbers. */
async function takeMoment(
  tables: readonly Table[],
  numbers: NumberStore | undefined,
  root: string,
): Promise<Moment> {
  const frozen = await freezeAll(tables);
  try {
    const copying = numbers?.copyTo(path.join(root, 'numbers'));
    const takenMs = BigInt(Date.now());
    return { frozen, takenMs, copy: await copying };
  } catch (error) {
    for (const { at } of frozen) at.release();
    throw error;
  } finally {
    for (const { at } of frozen) at.resume();
  }
}

/** Links or copies all that there was at the moment. */
async function keepAll(
  { frozen, takenMs, copy }: Moment,
  root: string,
  list: FileList,
  signal: AbortSignal,
): Promise<Pick<BackupSummary, 'takenMs' | 'tables' | 'numbers'>> {
  try {
    for (const each of frozen) await keepTable(each, root, list, signal);
    const totals = await copy?.made;
    if (totals !== undefined) {
      await rm(path.join(root, 'numbers', 'lock.mdb'), { force: true });
      await list.addRead(`numbers/${path.basename(lmdbDataFile(''))}`);
    }
    return {
      takenMs,
      tables: frozen.map(({ table, at }) => backedUp(table.name, at.state)),
      numbers: totals && BigInt(totals.count),
    };
  } finally {
    for (const { at } of frozen) at.release();
  }
}

/** Lets no commit of any table pass. Throws SnapshotError if a table cannot be read. */
async function freezeAll(tables: readonly Table[]): Promise<Frozen[]> {
  const tried = await Promise.allSettled(
    tables.map(async (table) => ({ table, at: await table.ingest.catalog.freeze() })),
  );
  const frozen = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = tried.findIndex((one) => one.status === 'rejected');
  if (failed === -1) return frozen;
  for (const { at } of frozen) {
    at.resume();
    at.release();
  }
  const { reason } = tried[failed] as PromiseRejectedResult;
  throw new SnapshotError(
    `the table ${JSON.stringify(tables[failed]?.name)} cannot be backed up: ${reason.message}`,
    { cause: reason },
  );
}

function backedUp(
  table: string,
  { nextVersion, chunks, removedChunks, rows }: FrozenTable['state'],
) {
  return {
    table,
    version: nextVersion === 0 ? undefined : BigInt(nextVersion - 1),
    chunks: BigInt(chunks - removedChunks),
    rows: BigInt(rows),
  };
}

/** Chunks whose files are linked at a time. */
const chunksAtOnce = 32;

/** Links the files that a version of a table consists of. */
async function keepTable(
  { table: { name, ingest }, at: table }: Frozen,
  root: string,
  list: FileList,
  signal: AbortSignal,
): Promise<void> {
  const { folders } = ingest;
  const top = `tables/${name}`;
  const to = (...names: string[]) => inRoot(root, [top, ...names].join('/'));
  for (const names of [['csv'], ['delta', 'parquet']]) await makeFolders(to(...names));
  const logNames = await keepLog(folders.log, to('delta', '_delta_log'), table.state.nextVersion);
  for (const file of logNames) await list.addRead(`${top}/delta/_delta_log/${file}`);
  const { chunks } = table.state;
  for (let first = 1; first <= chunks; first += chunksAtOnce) {
    const count = Math.min(chunksAtOnce, chunks + 1 - first);
    const files = Array.from({ length: count }, (_, i) => {
      // What is read here may be closed once a call is refused.
      signal.throwIfAborted();
      return chunkFiles(table, first + i, folders, top);
    }).flat();
    await Promise.all(files.map((file) => keepFile(file, root)));
    for (const file of files) if (file.isThere) await list.add(file);
    await setImmediate();
  }
}

interface ChunkFile {
  readonly path: string;
  readonly from: string;
  readonly size: number;
  readonly crc32c: number | undefined;
  /** Whether the chunk is gone from the table: then another engine's VACUUM may have removed it. */
  readonly isRemoved: boolean;
  isThere: boolean;
}

function chunkFiles(
  table: FrozenTable,
  number: number,
  folders: TableFolders,
  top: string,
): ChunkFile[] {
  const chunk = table.chunk(number);
  if (chunk === undefined) throw new SnapshotError(`the index of ${top} has no chunk ${number}`);
  const { id, csvBytes, parquetBytes, removedVersion } = chunk;
  const checksums = table.checksums(number);
  const shared = { isRemoved: removedVersion !== undefined, isThere: true };
  return [
    {
      ...shared,
      path: `${top}/csv/${id}.csv`,
      from: path.join(folders.csv, `${id}.csv`),
      size: csvBytes,
      crc32c: checksums?.csvCrc32c,
    },
    {
      ...shared,
      path: `${top}/delta/parquet/${id}.parquet`,
      from: path.join(folders.parquet, `${id}.parquet`),
      size: parquetBytes,
      crc32c: checksums?.parquetCrc32c,
    },
  ];
}

async function keepFile(file: ChunkFile, root: string): Promise<void> {
  try {
    await link(file.from, inRoot(root, file.path));
    const { size } = await stat(file.from);
    if (size === file.size) return;
    throw new SnapshotError(
      `${file.path} has ${size} bytes, and had ${file.size} when it was written: tally verify says more`,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    if (!file.isRemoved) {
      throw new SnapshotError(`${file.path} is missing: tally verify says more`, { cause: error });
    }
    file.isThere = false;
  }
}

/** Links the commits and checkpoints before a version; resolves to their names. */
async function keepLog(log: string, to: string, nextVersion: number): Promise<string[]> {
  for (;;) {
    await makeFolders(to);
    const names = (await readdir(log)).filter((name) => isBefore(nextVersion, name)).sort();
    try {
      for (const name of names) await link(path.join(log, name), path.join(to, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // A checkpoint that was begun before removes what is older than the one before it: those after
      // it would be there, and some of those before.
      await rm(to, { recursive: true });
      continue;
    }
    return [...names, ...(await keepLast(log, to, nextVersion))];
  }
}

const isBefore = (nextVersion: number, name: string) =>
  (versionIn(name, 'json') ?? versionIn(name, 'checkpoint.parquet') ?? nextVersion) < nextVersion;

/** Keeps what names the newest checkpoint, unless it is a newer one already: readers do without. */
async function keepLast(log: string, to: string, nextVersion: number): Promise<string[]> {
  try {
    const text = await readFile(path.join(log, lastCheckpointFile), 'utf8');
    if (!(JSON.parse(text).version < nextVersion)) return [];
    await writeFile(path.join(to, lastCheckpointFile), text);
    return [lastCheckpointFile];
  } catch {
    // Missing, or damaged, which the server has told of.
    return [];
  }
}

type FileList = Awaited<ReturnType<typeof createFileList>>;

/** Characters of a list that are written at a time. */
const listCharsTogether = 64 * 1024;

/** A list of files below `root`, kept in a file, as there may be millions. */
async function createFileList(listFile: string, root: string) {
  const handle = await open(listFile, 'wx', 0o600);
  let files = 0;
  let bytes = 0;
  let lines = '';

  async function write(file: BackedUpFile): Promise<void> {
    files++;
    bytes += Number(file.size);
    lines += `${JSON.stringify({ ...file, size: Number(file.size) })}\n`;
    if (lines.length >= listCharsTogether) await flush();
  }

  async function flush(): Promise<void> {
    const text = lines;
    lines = '';
    await handle.writeFile(text);
  }

  /** Adds a file that may be another one in another backup. */
  async function addRead(name: string): Promise<void> {
    const { size, crc32c } = await readChecksum(inRoot(root, name));
    await write({ path: name, size: BigInt(size), crc32c, isImmutable: false });
  }

  return {
    addRead,
    async add({ path: name, size, crc32c }: ChunkFile): Promise<void> {
      const checksum = crc32c ?? (await readChecksum(inRoot(root, name))).crc32c;
      await write({ path: name, size: BigInt(size), crc32c: checksum, isImmutable: true });
    },
    /** Writes the rest; resolves to how many files there are, and their bytes. */
    async end(): Promise<{ files: number; bytes: number }> {
      await flush();
      return { files, bytes };
    },
    /** Nothing is added any more. */
    close: () => handle.close(),
    async *batches(filesMax: number): AsyncGenerator<BackedUpFile[]> {
      let batch: BackedUpFile[] = [];
      const input = createReadStream(listFile);
      try {
        for await (const line of createInterface({ input })) {
          const file = JSON.parse(line);
          batch.push({ ...file, size: BigInt(file.size) });
          if (batch.length < filesMax) continue;
          yield batch;
          batch = [];
        }
        if (batch.length > 0) yield batch;
      } finally {
        input.destroy();
      }
    },
  };
}

/** Bytes of a file that are read at a time. */
export const pieceBytes = 256 * 1024;

/** The pieces of a file, each in a buffer of its own. */
export async function* piecesOf(file: string): AsyncGenerator<Buffer> {
  const handle = await open(file, 'r');
  try {
    for (;;) {
      const { bytesRead, buffer } = await handle.read(
        Buffer.allocUnsafe(pieceBytes),
        0,
        pieceBytes,
      );
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** The size of a file, and the CRC32C of its bytes. */
export async function readChecksum(file: string): Promise<{ size: number; crc32c: number }> {
  let size = 0;
  let checksum = 0;
  for await (const piece of piecesOf(file)) {
    size += piece.length;
    checksum = crc32c(piece, checksum);
  }
  return { size, crc32c: checksum };
}
