import { access, opendir } from 'node:fs/promises';
import path from 'node:path';
import type { TableFolders } from '../tables/files.js';
import type { CheckPool } from './check-pool.js';
import { checkCheckpoints } from './checkpoint-check.js';
import type { FileFault } from './chunk-check.js';
import type { CheckContext } from './context.js';
import { type ExpectedIndex, expectIndex, type IndexFault } from './index-check.js';
import type { IndexWalk } from './lmdb-child.js';
import { lmdbFile, type Walked, walkLmdb } from './lmdb-walk.js';
import { chunkId, type LogWalk, openLogWalk, type WalkedEntry } from './log-walk.js';
import type { Scratch } from './scratch.js';

const fromBackup = 'restore it from a backup';
const restoreLog = 'restore the whole log from a backup: what it named cannot be known otherwise';

/** Chunks that wait for a thread or are in one, for each thread. */
const chunksAheadMax = 4;

/** Compares the log, the files, the values in them and the index with one another. */
export async function checkTable(
  context: CheckContext,
  folders: TableFolders,
  pool: CheckPool,
  scratch: Scratch,
): Promise<void> {
  const index = await readIndex(context, folders);
  const log = await openLog(context, folders, scratch);
  context.progress.addCommits(log?.commits ?? 0);
  const walk = index !== undefined && 'found' in index ? index.found : undefined;
  const expected = walk && expectIndex(walk);
  if (log !== undefined) await checkChunks(context, folders, pool, log, expected);
  const indexFault = log?.isIntact() ? expected?.fault() : undefined;
  await reportIndex(context, folders, index, (log?.commits ?? 0) > 0, indexFault);
  // What the index has taken in of a log that is longer than this one may name these files.
  const isWhole = log?.isIntact() === true && indexFault?.kind !== 'of-other-log';
  await checkFiles(context, folders.csv, '.csv', scratch, isWhole);
  await checkFiles(context, folders.parquet, '.parquet', scratch, isWhole);
}

async function readIndex(
  { progress }: CheckContext,
  { index }: TableFolders,
): Promise<Walked<IndexWalk> | undefined> {
  if (!(await isThere(path.join(index, lmdbFile)))) return undefined;
  return walkLmdb('index', index, progress.entries);
}

const isThere = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

async function openLog(
  context: CheckContext,
  folders: TableFolders,
  scratch: Scratch,
): Promise<LogWalk | undefined> {
  const { add } = context;
  if (!(await isThere(folders.log))) {
    add({ kind: 'log', file: folders.log, what: 'is missing', toDo: restoreLog });
    return undefined;
  }
  const { base, faults } = await checkCheckpoints(folders.log);
  for (const { file, what, toDo } of faults) {
    add({ kind: 'checkpoint', file: path.join(folders.log, file), what, toDo });
  }
  return openLogWalk(folders.log, base, scratch, (kind, name, what) => {
    const toDo = kind === 'log' ? restoreLog : 'look what it is, and move it elsewhere';
    add({ kind, file: path.join(folders.log, name), what, toDo });
  });
}

/** Checks the files of every chunk, several at once. */
async function checkChunks(
  context: CheckContext,
  folders: TableFolders,
  pool: CheckPool,
  log: LogWalk,
  expected: ExpectedIndex | undefined,
): Promise<void> {
  const { checked, progress, threads } = context;
  const underWay = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let chunks = 0;
  for await (const entry of log.entries()) {
    if (entry.version >= 0) checked.commits++;
    expected?.addEntry(entry);
    for (const [i] of entry.chunks.entries()) {
      checked.chunks++;
      const number = ++chunks;
      const work: Promise<void> = checkOne(context, folders, pool, expected, entry, i, number)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => underWay.delete(work));
      underWay.add(work);
      if (underWay.size >= threads * chunksAheadMax) await Promise.race(underWay);
    }
    if (entry.version >= 0) progress.commit();
    if (failure !== undefined) break;
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure.error;
}

async function checkOne(
  { checked, progress, add }: CheckContext,
  folders: TableFolders,
  pool: CheckPool,
  expected: ExpectedIndex | undefined,
  entry: WalkedEntry,
  place: number,
  chunkNumber: number,
): Promise<void> {
  const chunk = entry.chunks[place];
  if (chunk === undefined) return;
  const files = {
    csv: path.join(folders.csv, `${chunk.id}.csv`),
    parquet: path.join(folders.parquet, `${chunk.id}.parquet`),
  };
  const { areFieldsKnown } = entry;
  const task = { csvPath: files.csv, parquetPath: files.parquet, chunk, areFieldsKnown };
  const { faults, bytes, ...found } = await pool.check(task);
  expected?.addChunk(chunkNumber, chunk, found.ranges);
  checked.files += found.files;
  checked.bytes += bytes;
  checked.columnSums += found.columnSums;
  checked.rows += chunk.rows;
  if (chunk.checksums === undefined) checked.chunksWithoutChecksums++;
  progress.bytes(bytes);
  for (const fault of faults) {
    const { kind, format, what } = fault;
    add({ kind, file: files[format], what, toDo: toDoOf(fault, chunkNumber) });
  }
}

function toDoOf({ kind }: FileFault, chunkNumber: number): string {
  if (kind === 'unreadable') return 'see to its permissions and to the disk, and check again';
  return `${fromBackup} (sums read chunk ${chunkNumber} from it)`;
}

/** Reports what is wrong with the index, and sets one that is damaged aside. */
async function reportIndex(
  { add, setAside, checked, isBackup }: CheckContext,
  { index }: TableFolders,
  walked: Walked<IndexWalk> | undefined,
  hasCommits: boolean,
  fault: IndexFault | undefined,
): Promise<void> {
  const remade = 'start the server, which makes it anew';
  if (walked === undefined) {
    if (!hasCommits || isBackup) return;
    add({ kind: 'index', file: index, what: 'is missing', toDo: remade });
  } else if ('fault' in walked) {
    const toDo = 'repair it (--repair), which sets it aside: the server makes it anew';
    await setAside({ kind: 'index', file: index, what: walked.fault, toDo });
  } else if (fault?.kind === 'damaged') {
    const toDo = 'repair it (--repair), which sets it aside: the server makes it anew';
    await setAside({ kind: 'index', file: index, what: fault.what, toDo });
  } else if (fault?.kind === 'behind') {
    const toDo = 'start the server, which takes them in';
    add({ kind: 'index', file: index, what: fault.what, toDo });
  } else if (fault !== undefined) {
    const toDo = `see whether the log has lost its last commits; if not, ${remade}`;
    add({ kind: 'index', file: index, what: fault.what, toDo });
  }
  if (walked !== undefined && 'found' in walked) checked.indexEntries += walked.found.columns.count;
}

/** Finds what no entry of the log names; it is incomplete only if the log is all there. */
async function checkFiles(
  { add, setAside }: CheckContext,
  folder: string,
  ending: '.csv' | '.parquet',
  scratch: Scratch,
  isWhole: boolean,
): Promise<void> {
  if (!(await isThere(folder))) return;
  for await (const entry of await opendir(folder)) {
    const file = path.join(folder, entry.name);
    const id = path.basename(entry.name, ending);
    if (!entry.isFile() || !entry.name.endsWith(ending) || !chunkId.test(id)) {
      const toDo = 'look what it is, and move it elsewhere';
      add({ kind: 'foreign', file, what: 'is not of a chunk', toDo });
    } else if (!scratch.hasChunk(id)) {
      const what = 'is of a chunk that the log does not name: its upload was never acknowledged';
      const toDo = 'repair it (--repair), which sets it aside';
      if (isWhole) await setAside({ kind: 'orphan', file, what, toDo });
      else add({ kind: 'orphan', file, what: unnamed, toDo: 'keep it until the log is restored' });
    }
  }
}

const unnamed = 'is of a chunk that the log does not name, but the log is not whole';
