import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { open } from 'lmdb';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createCheckPool } from '../dist/verify/check-pool.js';
import { isWell, type Report, VerifyError, verifyDataFolder } from '../dist/verify/verify.js';
import { lockFileName } from '../src/data-folder-lock.js';
import { openDeltaLog } from '../src/tables/delta-log.js';
import { tableFolders as foldersOf } from '../src/tables/files.js';
import { withFolder, withServer } from './server.js';
import { keep, sumOf } from './table-calls.js';
import { commitPath, readDeltaTable, tableFolders } from './table-files.js';

// Copies of one data folder that a real server has made, each damaged in one way.

const csvFiles = [
  'a,b,note\n1,10,x\n2,,"y, z"\n',
  '\ufeffb,c\n20,\n',
  'a,d,ok\n4,2024-02-29,true\n',
  'e,f\n1,0.5\n',
  'e\none\n',
  'v\n\n',
  'a\n7\n',
];
/** Columns of integers with a value in some chunk, and all columns. */
const [integerColumns, columns] = [6, 13];

let root: string;
let whole: string;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'tally-verify-test-'));
  whole = path.join(root, 'whole');
  await withServer({ dataDir: whole }, async (_, { table, numbers }) => {
    await keep(table, ...csvFiles);
    for (const [key, value] of Object.entries({ A: 5n, B: -7n, C: 100n })) {
      await numbers.setNum({ key, value });
    }
  });
});

afterAll(() => rm(root, { recursive: true }));

/** The files of one chunk, by its number from 0. */
async function filesOf(dataDir: string, chunk: number) {
  const { chunks } = await readDeltaTable(dataDir);
  const { csvPath = '', parquetPath = '' } = chunks[chunk] ?? {};
  return { csv: csvPath, parquet: parquetPath };
}

/** Changes a byte; a negative place counts from the end. */
async function flip(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

async function edit(file: string, change: (text: string) => string): Promise<void> {
  const before = await readFile(file, 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  await writeFile(file, after);
}

/** Writes into a folder of LMDB, as a hand that does not know of the rest. */
async function writeLmdb(
  folder: string,
  database: string,
  key: string,
  value: Buffer,
): Promise<void> {
  const environment = open({ path: folder, maxDbs: 4 });
  const options = { keyEncoding: 'binary', encoding: 'binary' } as const;
  await environment.openDB<Buffer, Buffer>(database, options).put(Buffer.from(key), value);
  await environment.close();
}

const garbage = Buffer.alloc(32_768, 'garbage');
const lmdbOf = (folder: string) => path.join(folder, 'data.mdb');
const numbersOf = (dataDir: string) => path.join(dataDir, 'numbers');
const indexOf = (dataDir: string) => tableFolders(dataDir).index;
const noChecksums = (text: string) => text.replaceAll(/,\\"(csv|parquet)Crc32c\\":[0-9]+/g, '');
const strayId = '01234567-89ab-cdef-0123-456789abcdef';

/** A problem as it is expected: its kind, and what its file and its sentence match. */
type Expected = readonly [kind: string, file: RegExp, what: RegExp];

interface Damage {
  readonly what: string;
  readonly damage: (dataDir: string) => Promise<unknown>;
  readonly problems: readonly Expected[];
}

const orphans: readonly Expected[] = [
  ['orphan', /csv\/.*\.csv$/, /the log does not name, but the log is not whole/],
  ['orphan', /parquet\/.*\.parquet$/, /the log does not name, but the log is not whole/],
];

const damages: readonly Damage[] = [
  {
    what: 'a byte is another: of a CSV file, of a Parquet page, of a footer',
    damage: async (dataDir) => {
      await flip((await filesOf(dataDir, 0)).csv, 9);
      await flip((await filesOf(dataDir, 1)).parquet, 30);
      await flip((await filesOf(dataDir, 2)).parquet, -20);
    },
    problems: [
      ['checksum', /csv\/.*\.csv$/, /CRC32C is [0-9a-f]{8}, and was [0-9a-f]{8} when/],
      ['checksum', /\.parquet$/, /CRC32C/],
      ['checksum', /\.parquet$/, /CRC32C/],
    ],
  },
  {
    what: 'files are cut off or deleted',
    damage: async (dataDir) => {
      const cut = await filesOf(dataDir, 0);
      await truncate(cut.csv, 12);
      await truncate(cut.parquet, 0);
      await rm((await filesOf(dataDir, 1)).csv);
      await rm((await filesOf(dataDir, 2)).parquet);
    },
    problems: [
      ['size', /\.csv$/, /^has 12 bytes: the log has 26$/],
      ['size', /\.parquet$/, /^has 0 bytes: the log has [0-9]+$/],
      ['missing', /\.csv$/, /the log names it/],
      ['missing', /\.parquet$/, /the log names it/],
    ],
  },
  {
    what: 'files are there that no log names, that are not of Tally, or that were not finished',
    damage: async (dataDir) => {
      const { csv, parquet, log } = tableFolders(dataDir);
      await writeFile(path.join(csv, `${strayId}.csv`), 'x\n1\n');
      await writeFile(path.join(parquet, `${strayId}.parquet`), 'PAR1');
      await writeFile(path.join(csv, 'notes.txt'), '');
      await writeFile(path.join(dataDir, 'thesis.doc'), '');
      await mkdir(path.join(dataDir, 'tables', 'Other'));
      await writeFile(path.join(log, 'a.json'), '');
      // What other engines put there is right.
      await writeFile(path.join(log, '00000000000000000000.crc'), '');
      await writeFile(path.join(dataDir, 'tmp', `${strayId}.csv`), 'x\n');
    },
    problems: [
      ['orphan', /csv\/01234567.*\.csv$/, /never acknowledged/],
      ['orphan', /parquet\/01234567.*\.parquet$/, /never acknowledged/],
      ['foreign', /_delta_log\/a\.json$/, /not of a Delta Lake table/],
      ['foreign', /csv\/notes\.txt$/, /not of a chunk/],
      ['foreign', /^tables\/Other$/, /not of Tally/],
      ['foreign', /^thesis\.doc$/, /not of Tally/],
      ['leftover', /^tmp\/.*\.csv$/, /was not finished/],
    ],
  },
  {
    what: 'entries of the log are torn: in a line, after a line, whole',
    damage: async (dataDir) => {
      await edit(commitPath(dataDir, 4), (text) => text.slice(0, text.length / 2));
      await edit(commitPath(dataDir, 5), (text) => text.slice(0, text.indexOf('{"commitInfo')));
      await edit(commitPath(dataDir, 6), () => '');
    },
    problems: [
      ['log', /4\.json$/, /is torn or damaged: a line of it is no JSON/],
      ['log', /5\.json$/, /is torn: its end is missing/],
      ['log', /6\.json$/, /is empty/],
      ...orphans,
      ...orphans,
      ...orphans,
    ],
  },
  {
    what: 'an entry of the log is missing, after which the columns are not known',
    damage: (dataDir) => rm(commitPath(dataDir, 0)),
    problems: [['log', /0\.json$/, /is missing, but later commits are there/], ...orphans],
  },
  {
    what: 'the last entry of the log is missing',
    damage: (dataDir) => rm(commitPath(dataDir, 6)),
    problems: [
      ['index', /index$/, /has taken in 7 commits of a log that is not this one/],
      ...orphans,
    ],
  },
  {
    what: 'an entry of the log is foreign, and another changes the type of a field',
    damage: async (dataDir) => {
      await writeFile(commitPath(dataDir, 7), '{"remove":{"path":"x"}}\n{"commitInfo":{}}\n');
      await edit(commitPath(dataDir, 2), (text) => text.replace('\\"long\\"', '\\"string\\"'));
    },
    problems: [
      ['log', /2\.json$/, /changes or removes a field/],
      ['log', /7\.json$/, /^holds what Tally did not write \(remove\)/],
      ...orphans,
    ],
  },
  {
    what: 'the log has another number of rows than the files',
    damage: (dataDir) =>
      edit(commitPath(dataDir, 0), (text) => text.replace('numRecords\\":2', 'numRecords\\":3')),
    problems: [
      ['content', /\.csv$/, /^has 2 rows: the log has 3$/],
      ['content', /\.parquet$/, /^has 2 rows: the log has 3$/],
      ['index', /default\/index$/, /^does not hold what the log says/],
    ],
  },
  {
    what: 'a value in a CSV file of before there were checksums is another, and there is no index',
    damage: async (dataDir) => {
      for (let version = 0; version < 7; version++) {
        await edit(commitPath(dataDir, version), noChecksums);
      }
      await rm(indexOf(dataDir), { recursive: true });
      await edit((await filesOf(dataDir, 0)).csv, (text) => text.replace('10', '99'));
    },
    problems: [
      ['content', /\.parquet$/, /column "b" sums to 10, and to 99 in the CSV file/],
      ['index', /default\/index$/, /^is missing$/],
    ],
  },
  {
    what: 'the first start was cut off while it made the numbers',
    damage: async (dataDir) => {
      await rm(lmdbOf(numbersOf(dataDir)));
      await mkdir(path.join(numbersOf(dataDir), 'new'));
    },
    problems: [
      ['leftover', /^numbers\/data\.mdb$/, /^is not made yet: the first start was cut off$/],
    ],
  },
  {
    what: 'the index and the numbers are garbage',
    damage: async (dataDir) => {
      await writeFile(lmdbOf(indexOf(dataDir)), garbage);
      await writeFile(lmdbOf(numbersOf(dataDir)), garbage);
    },
    problems: [
      ['index', /index$/, /^is damaged: ./],
      ['numbers', /^numbers\/data\.mdb$/, /^is damaged: ./],
    ],
  },
  {
    what: 'an entry of the index is another, and the numbers are cut off',
    damage: async (dataDir) => {
      await changeIndex(dataDir);
      await truncate(lmdbOf(numbersOf(dataDir)), 8192);
    },
    problems: [
      ['index', /index$/, /^does not hold what the log says$/],
      ['numbers', /^numbers\/data\.mdb$/, /^is damaged: ./],
    ],
  },
  {
    what: 'the index is behind the log, to which another engine has added a commit',
    damage: (dataDir) => writeFile(commitPath(dataDir, 7), '{"commitInfo":{}}'),
    problems: [['index', /index$/, /^lacks the last commit of the log$/]],
  },
  {
    what: 'a number was changed behind the back of the total',
    damage: (dataDir) =>
      writeLmdb(numbersOf(dataDir), 'values', 'A', Buffer.from([0, 0, 0, 0, 0, 0, 0, 6])),
    problems: [['numbers', /data\.mdb$/, /^has the total 98, but its 3 numbers sum to 99$/]],
  },
  {
    what: 'a number and the total are not of 8 bytes',
    damage: async (dataDir) => {
      await writeLmdb(numbersOf(dataDir), 'values', 'B', Buffer.from([1]));
      await writeLmdb(numbersOf(dataDir), 'sums', 'total', Buffer.from([1, 2]));
    },
    problems: [
      ['numbers', /data\.mdb$/, /^has a value that has not 8 bytes: of "B"$/],
      ['numbers', /data\.mdb$/, /^has a total of 2 bytes: it must have 16$/],
    ],
  },
];

/** Puts the first column of the index into another place of its CSV file. */
async function changeIndex(dataDir: string): Promise<void> {
  const environment = open({ path: indexOf(dataDir), maxDbs: 4 });
  const entries = environment.openDB<unknown[], Buffer>('columns', { keyEncoding: 'binary' });
  const [first] = entries.getRange({ limit: 1 });
  const [id, csvBytes, place, ...rest] = first?.value ?? [];
  await entries.put(first?.key as Buffer, [id, csvBytes, Number(place) + 1, ...rest]);
  await environment.close();
}

/** Makes a copy of the folder, damages it, and gives it to `work`. */
async function withDamaged<T>(
  damage: (dataDir: string) => Promise<unknown>,
  work: (dataDir: string) => Promise<T>,
): Promise<T> {
  const dataDir = await mkdtemp(path.join(root, 'copy-'));
  await cp(whole, dataDir, { recursive: true });
  await damage(dataDir);
  return work(dataDir);
}

/** The digest of each file, by its path. */
async function contents(dataDir: string): Promise<Map<string, string>> {
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  // The lock only tells who has it.
  const files = entries.filter((entry) => entry.isFile() && entry.name !== lockFileName);
  const digests = files.map(async ({ parentPath, name }) => {
    const file = path.join(parentPath, name);
    const digest = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
    return [path.relative(dataDir, file), digest] as const;
  });
  return new Map(await Promise.all(digests));
}

const byFile = (a: { file: string }, b: { file: string }) => (a.file < b.file ? -1 : 1);

function expectProblems({ problems }: Report, expected: readonly Expected[]): void {
  const told = problems.toSorted(byFile).map(({ kind, file, what }) => ({ kind, file, what }));
  expect(told).toHaveLength(expected.length);
  for (const [kind, file, what] of expected) {
    const problem = { kind, file: expect.stringMatching(file), what: expect.stringMatching(what) };
    expect(told).toContainEqual(problem);
  }
}

test('an undamaged folder has no problem, and everything in it was checked', async () => {
  const report = await verifyDataFolder(whole, { threads: 1 });
  expect(report).toMatchObject({ problems: [], problemsLeftOut: 0, repaired: 0 });
  expect(isWell(report)).toBe(true);
  expect(report.checked).toMatchObject({
    commits: 7,
    chunks: 7,
    chunksWithoutChecksums: 0,
    rows: 8,
    files: 14,
    columnSums: integerColumns,
    indexEntries: columns,
    numbers: 3,
  });
});

describe('each damage is found, and nothing else, and nothing is changed', () => {
  test.each(damages)('$what', ({ damage, problems }) =>
    withDamaged(damage, async (dataDir) => {
      const before = await contents(dataDir);
      const report = await verifyDataFolder(dataDir, { threads: 1 });
      expectProblems(report, problems);
      expect(isWell(report)).toBe(false);
      expect(await contents(dataDir)).toEqual(before);
    }),
  );
});

test('each byte of a CSV and of a Parquet file is checked', () =>
  withDamaged(
    async () => {},
    async (dataDir) => {
      const entries = openDeltaLog(foldersOf(dataDir, 'default'), false).read(0, []);
      const { value: entry } = await entries.next();
      const [chunk] = entry.chunks;
      const { csv, parquet } = await filesOf(dataDir, 0);
      const pool = await createCheckPool(1);
      onTestFinished(() => pool.close());
      const task = { csvPath: csv, parquetPath: parquet, chunk, areFieldsKnown: true };
      for (const [format, file] of Object.entries({ csv, parquet })) {
        const bytes = await readFile(file);
        for (let at = 0; at < bytes.length; at++) {
          const damaged = Buffer.from(bytes);
          damaged[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
          await writeFile(file, damaged);
          const { faults } = await pool.check(task);
          expect(faults, `byte ${at}`).toMatchObject([{ format, kind: 'checksum' }]);
        }
        await writeFile(file, bytes);
      }
      expect((await pool.check(task)).faults).toEqual([]);
    },
  ));

describe('a repair', () => {
  test('sets aside what is incomplete, and a server starts with the rest', () =>
    withDamaged(
      async (dataDir) => {
        const { csv, parquet } = tableFolders(dataDir);
        await writeFile(path.join(csv, `${strayId}.csv`), 'x\n1\n');
        await writeFile(path.join(parquet, `${strayId}.parquet`), 'PAR1');
        await writeFile(path.join(dataDir, 'tmp', 'spooled.csv'), 'x\n');
        await writeFile(lmdbOf(indexOf(dataDir)), garbage);
      },
      async (dataDir) => {
        const before = await contents(dataDir);
        const report = await verifyDataFolder(dataDir, { threads: 1, repair: true });
        expect(isWell(report)).toBe(true);
        expect(report.repaired).toBe(4);
        const quarantine = report.quarantine ?? '';
        const list = await readFile(path.join(dataDir, quarantine, 'moved.jsonl'), 'utf8');
        const moved = list
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line));
        expect(moved.map(({ from }) => from).sort()).toEqual([
          `tables/default/csv/${strayId}.csv`,
          `tables/default/delta/parquet/${strayId}.parquet`,
          'tables/default/index',
          'tmp/spooled.csv',
        ]);
        expect(report.problems.map(({ movedTo }) => movedTo).sort()).toEqual(
          moved.map(({ to }) => to).sort(),
        );
        // Each file is where it was, or in the quarantine, as it was.
        const after = await contents(dataDir);
        for (const [file, digest] of before) {
          expect(after.get(file) ?? after.get(path.join(quarantine, file)), file).toBe(digest);
        }
        await withServer({ dataDir }, async (_, { table }) => {
          expect(await sumOf(table, 'a')).toBe(14n);
          expect(await sumOf(table, 'b')).toBe(30n);
        });
        expect((await verifyDataFolder(dataDir, { threads: 1 })).problems).toEqual([]);
      },
    ));

  test('leaves alone what the log names, foreign files, and all chunks while the log is torn', () =>
    withDamaged(
      async (dataDir) => {
        const { csv, parquet } = await filesOf(dataDir, 0);
        await flip(csv, 9);
        await rm(parquet);
        await writeFile(path.join(tableFolders(dataDir).csv, `${strayId}.csv`), '');
        await writeFile(path.join(tableFolders(dataDir).csv, 'notes.txt'), '');
        await edit(commitPath(dataDir, 6), (text) => text.slice(0, -20));
        await writeLmdb(numbersOf(dataDir), 'values', 'A', Buffer.from([1]));
      },
      async (dataDir) => {
        const before = await contents(dataDir);
        const report = await verifyDataFolder(dataDir, { threads: 1, repair: true });
        expect(report).toMatchObject({ repaired: 0, quarantine: undefined });
        const kinds = report.problems.map(({ kind }) => kind).sort();
        expect(kinds).toEqual([
          'checksum',
          'foreign',
          'log',
          'missing',
          'numbers',
          'orphan',
          'orphan',
          'orphan',
        ]);
        expect(await contents(dataDir)).toEqual(before);
      },
    ));
});

test('a folder that is not of Tally is not checked', () =>
  withFolder(async (folder) => {
    await writeFile(path.join(folder, 'thesis.doc'), '');
    await expect(verifyDataFolder(folder)).rejects.toThrow(VerifyError);
    await expect(verifyDataFolder(folder)).rejects.toThrow('is not a data folder of Tally');
    await expect(verifyDataFolder(path.join(folder, 'x'))).rejects.toThrow('does not exist');
  }));
