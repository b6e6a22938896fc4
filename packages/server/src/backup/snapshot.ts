import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { copyFile, link, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { crc32c } from '@node-rs/crc32';
import type { BackedUpFile, BackupSummary } from '@tally/stubs';
import { makeFolders } from '../data-folder.js';
import { formatFileName } from '../data-folder-format.js';
import { lmdbDataFile } from '../lmdb-file.js';
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
  try {
    await makeFolders(root);
    const list = createFileList(path.join(folder, 'files'), root);
    await copyFile(path.join(dataDir, formatFileName), path.join(root, formatFileName));
    await list.addRead(formatFileName);
    const withAll = data.tables?.withAll ?? (<T>(work: (tables: Table[]) => T) => work([]));
    const taken = await withAll((tables) => takeAll(data.numbers, tables, root, list, signal));
    const { files, bytes } = await list.end();
    const summary = { ...taken, files: BigInt(files), bytes: BigInt(bytes) };
    return {
      summary,
      batches: list.batches,
      fileOf: ({ path: name }) => inRoot(root, name),
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

const inRoot = (root: string, name: string) => path.join(root, ...name.split('/'));

async function takeAll(
  numbers: NumberStore | undefined,
  tables: readonly Table[],
  root: string,
  list: FileList,
  signal: AbortSignal,
): Promise<Pick<BackupSummary, 'takenMs' | 'tables' | 'numbers'>> {
  const frozen = await freezeAll(tables);
  try {
    const copying = numbers?.copyTo(path.join(root, 'numbers'));
    const takenMs = BigInt(Date.now());
    const copy = await copying?.finally(() => {
      for (const table of frozen) table.resume();
    });
    if (copy === undefined) for (const table of frozen) table.resume();
    for (const [i, table] of tables.entries()) {
      await keepTable(table, frozen[i] as FrozenTable, root, list, signal);
    }
    const totals = await copy?.made;
    if (totals !== undefined) {
      await rm(path.join(root, 'numbers', 'lock.mdb'), { force: true });
      await list.addRead(`numbers/${path.basename(lmdbDataFile(''))}`);
    }
    return {
      takenMs,
      tables: tables.map(({ name }, i) => backedUp(name, (frozen[i] as FrozenTable).state)),
      numbers: totals && BigInt(totals.count),
    };
  } finally {
    for (const table of frozen) table.release();
  }
}

/** Lets no commit of any table pass. Throws SnapshotError if a table cannot be read. */
async function freezeAll(tables: readonly Table[]): Promise<FrozenTable[]> {
  const tried = await Promise.allSettled(tables.map(({ ingest }) => ingest.catalog.freeze()));
  const frozen = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = tried.findIndex((one) => one.status === 'rejected');
  if (failed === -1) return frozen;
  for (const table of frozen) {
    table.resume();
    table.release();
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
  { name, ingest: { folders } }: Table,
  table: FrozenTable,
  root: string,
  list: FileList,
  signal: AbortSignal,
): Promise<void> {
  const top = `tables/${name}`;
  const at = (...names: string[]) => inRoot(root, [top, ...names].join('/'));
  for (const names of [['csv'], ['delta', 'parquet']]) await makeFolders(at(...names));
  const logNames = await keepLog(folders.log, at('delta', '_delta_log'), table.state.nextVersion);
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

type FileList = ReturnType<typeof createFileList>;

/** A list of files below `root`, kept in a file, as there may be millions. */
function createFileList(listFile: string, root: string) {
  const lines = createWriteStream(listFile);
  let files = 0;
  let bytes = 0;
  // Asked for again when the list ends.
  lines.on('error', () => {});

  async function write(file: BackedUpFile): Promise<void> {
    files++;
    bytes += Number(file.size);
    const line = `${JSON.stringify({ ...file, size: Number(file.size) })}\n`;
    if (lines.write(line)) return;
    await new Promise<void>((resolve) => {
      lines.once('drain', resolve);
      lines.once('close', resolve);
    });
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
    async end(): Promise<{ files: number; bytes: number }> {
      await new Promise<void>((resolve, reject) => {
        if (lines.errored !== null) return reject(lines.errored);
        lines.on('error', reject);
        lines.end(resolve);
      });
      return { files, bytes };
    },
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

async function readChecksum(file: string): Promise<{ size: number; crc32c: number }> {
  let size = 0;
  let checksum = 0;
  for await (const piece of piecesOf(file)) {
    size += piece.length;
    checksum = crc32c(piece, checksum);
  }
  return { size, crc32c: checksum };
}
