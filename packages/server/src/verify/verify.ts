import { readdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { manifestName } from '../backup/backup-folder.js';
import { checkBackup } from '../backup/check-backup.js';
import { formatFault, formatFileName } from '../data-folder-format.js';
import { lmdbStaging } from '../lmdb-file.js';
import { isTableName, tableFolders } from '../tables/files.js';
import { createCheckPool } from './check-pool.js';
import {
  type CheckContext,
  createContext,
  createProgress,
  type VerifyProgress,
} from './context.js';
import { lmdbFile, walkLmdb } from './lmdb-walk.js';
import { numbersFaults } from './numbers-check.js';
import { createQuarantine } from './quarantine.js';
import { createFindings, type Report } from './report.js';
import { openScratch } from './scratch.js';
import { withSoleUse } from './sole-use.js';
import { checkTable } from './table-check.js';
import { VerifyError } from './verify-error.js';

export type { VerifyProgress } from './context.js';
export { isWell, type Problem, type ProblemKind, type Report } from './report.js';
export { VerifyError } from './verify-error.js';

export interface VerifyOptions {
  /** Moves what is provably incomplete to `quarantine/`. Default: nothing is changed. */
  readonly repair?: boolean;
  /** Threads that read files. Default: one for each processor, 8 at most. */
  readonly threads?: number;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

const threadsMax = 8;

/** What a server, or a repair, makes in a data folder. */
const known: readonly string[] = [
  'numbers',
  'tables',
  'tmp',
  'lock',
  'quarantine',
  formatFileName,
  `${formatFileName}.new`,
];

/**
 * Checks a data folder that no server uses: every file against its checksum, the log against the
 * files, CSV against Parquet, the index against the log, the numbers against their total.
 *
 * A backup is checked in the same way, and against its manifest; an index it has not. Takes bounded
 * memory. Throws VerifyError if `dataDir` is not a data folder, or is in use.
 */
export async function verifyDataFolder(
  dataDir: string,
  { repair = false, threads = defaultThreads(), onProgress = () => {} }: VerifyOptions = {},
): Promise<Report> {
  const names = await dataFolderNames(dataDir);
  return withSoleUse(dataDir, async () => {
    const fault = await formatFault(dataDir);
    if (fault !== undefined && fault !== 'no mark') throw new VerifyError(fault);
    const findings = createFindings();
    const isBackup = names.includes(manifestName);
    if (isBackup && repair) {
      const why = 'what is damaged in it is taken from another one';
      throw new VerifyError(`${dataDir} is a backup, which is not repaired: ${why}.`);
    }
    const quarantine = repair ? createQuarantine(dataDir) : undefined;
    const progress = createProgress(onProgress);
    const context = createContext({ dataDir, isBackup }, threads, findings, progress, quarantine);
    const all = isBackup ? [...known, manifestName] : known;
    for (const name of names) if (!all.includes(name)) addForeign(context, name);
    if (isBackup) await checkBackup(context);
    await Promise.all([
      names.includes('numbers') && checkNumbers(context),
      names.includes('tables') && checkTables(context),
    ]);
    if (names.includes('tmp')) await checkLeftovers(context);
    await quarantine?.close();
    return findings.report(dataDir, quarantine?.folder());
  });
}

const defaultThreads = () => Math.min(threadsMax, availableParallelism());

async function dataFolderNames(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new VerifyError(`${dataDir} does not exist.`);
    if (error.code === 'ENOTDIR') throw new VerifyError(`${dataDir} is not a folder.`);
    throw new VerifyError(`${dataDir} cannot be read (${error.code}).`);
  });
  if (names.includes('numbers') || names.includes('tables')) return names;
  throw new VerifyError(
    `${dataDir} is not a data folder of Tally: it has neither numbers/ nor tables/ in it.`,
  );
}

function addForeign({ add, dataDir }: CheckContext, name: string): void {
  const toDo = 'look what it is, and move it elsewhere';
  add({ kind: 'foreign', file: path.join(dataDir, name), what: 'is not of Tally', toDo });
}

async function checkNumbers({ dataDir, add, checked, progress }: CheckContext): Promise<void> {
  const folder = path.join(dataDir, 'numbers');
  const file = path.join(folder, lmdbFile);
  const addFault = (what: string) =>
    add({ kind: 'numbers', file, what, toDo: 'restore numbers/ from a backup' });
  if (!(await isThere(file))) {
    if (!(await isThere(lmdbStaging(folder)))) return addFault('is missing');
    const what = 'is not made yet: the first start was cut off';
    return add({ kind: 'leftover', file, what, toDo: 'start the server, which makes it' });
  }
  const walked = await walkLmdb('numbers', folder, progress.entries);
  if ('fault' in walked) return addFault(walked.fault);
  checked.numbers = walked.found.count;
  for (const what of numbersFaults(walked.found)) addFault(what);
}

const isThere = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );

async function checkTables(context: CheckContext): Promise<void> {
  const { dataDir, threads } = context;
  const tables = await readdir(path.join(dataDir, 'tables'));
  for (const name of tables) if (!isTableName(name)) addForeign(context, `tables/${name}`);
  const pool = await createCheckPool(threads);
  try {
    for (const name of tables.filter(isTableName).sort()) {
      const scratch = await openScratch();
      await checkTable(context, tableFolders(dataDir, name), pool, scratch).finally(() =>
        scratch.close(),
      );
    }
  } finally {
    await pool.close();
  }
}

/** What a server that was killed has left; the next one removes it when it starts. */
async function checkLeftovers({ dataDir, setAside }: CheckContext): Promise<void> {
  for (const name of await readdir(path.join(dataDir, 'tmp'))) {
    await setAside({
      kind: 'leftover',
      file: path.join(dataDir, 'tmp', name),
      what: 'is work that was not finished',
      toDo: 'repair it (--repair), which sets it aside; a server that starts removes it',
    });
  }
}
