import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { verifyDataFolder } from '../dist/verify/verify.js';
import {
  checkpointName,
  commitName,
  deleteChunk,
  logOf,
  seenOf,
  uploadRow,
  uploadRows,
} from './checkpointed-table.js';
import { endWith, eventually, withFolder, withProcess, withServer } from './server.js';
import { keep, sumOf } from './table-calls.js';
import { type Action, commitPath, duckDb, quoted, tableFolders } from './table-files.js';

// Every 100 commits a checkpoint takes the place of older commits, and nothing is missed.

const noCaches = ['--sum-cache-entries', '0', '--catalog-cache-entries', '0'];
const asOf = [0, 60, 99, 100, 125, 199, 200, 233];

let folder: string;
/** A data folder whose next commit makes the checkpoint of version 200 due, and one with later commits. */
let before: string;
let whole: string;
/** What clients saw of the second. */
let seen: Awaited<ReturnType<typeof seenOf>>;
/** The commits as they were, in the order of their versions. */
let commits: Action[][];

const parse = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Action);

const readLog = async (dataDir: string, from: number, to: number) =>
  Promise.all(
    Array.from({ length: to - from }, async (_, i) =>
      parse(await readFile(commitPath(dataDir, from + i), 'utf8')),
    ),
  );

/** Waits until what a checkpoint has taken the place of is removed. */
const untilRemoved = (dataDir: string, version: number) =>
  eventually(async () => !(await readdir(logOf(dataDir))).includes(commitName(version)));

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tally-checkpoints-'));
  [before, whole] = [path.join(folder, 'before'), path.join(folder, 'whole')];
  await withServer({ dataDir: before }, async (_server, { streamed }) => {
    await uploadRows(streamed, 1, 120);
    for (const number of [3, 49, 115]) await deleteChunk(streamed, number);
    await uploadRows(streamed, 121, 195);
    for (const number of [4, 150]) await deleteChunk(streamed, number);
  });
  commits = await readLog(before, 0, 200);
  await cp(before, whole, { recursive: true });
  await withServer({ dataDir: whole }, async (_server, connection) => {
    await uploadRows(connection.streamed, 201, 230);
    await deleteChunk(connection.streamed, 160);
    await uploadRows(connection.streamed, 231, 233);
    await untilRemoved(whole, 99);
    seen = await seenOf(connection, asOf);
  });
  commits.push(...(await readLog(whole, 200, 234)));
});
afterAll(() => rm(folder, { recursive: true }));

const withCopy = (of: () => string, work: (dataDir: string) => Promise<void>) =>
  withFolder(async (folder) => {
    const dataDir = path.join(folder, 'data');
    await cp(of(), dataDir, { recursive: true });
    await work(dataDir);
  });

const removeIndex = (dataDir: string) => rm(tableFolders(dataDir).index, { recursive: true });

const problemsOf = async (dataDir: string) => (await verifyDataFolder(dataDir)).problems;

describe('the log', () => {
  test('has the last two checkpoints, and the commits from the first of them on', async () => {
    const names = commits.slice(100).map((_, i) => commitName(100 + i));
    const others = [checkpointName(100), checkpointName(200), '_last_checkpoint'];
    expect((await readdir(logOf(whole))).sort()).toEqual([...names, ...others].sort());
    expect(await readdir(tableFolders(whole).spool)).toEqual([]);
  });

  test('says which checkpoint is the last', async () => {
    const text = await readFile(path.join(logOf(whole), '_last_checkpoint'), 'utf8');
    const { size } = await stat(path.join(logOf(whole), checkpointName(200)));
    // 196 uploads, 5 of them deleted; the protocol and the metadata.
    expect(JSON.parse(text)).toEqual({
      version: 200,
      size: 198,
      sizeInBytes: size,
      numOfAddFiles: 191,
      checksum: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  test('is well', async () => {
    expect(await problemsOf(before)).toEqual([]);
    expect(await problemsOf(whole)).toEqual([]);
  });
});

describe('a checkpoint holds what its commits come to', () => {
  /** The actions of a table's state, as PROTOCOL.md's "Action Reconciliation" says. */
  function reconciled(version: number) {
    const actions = commits.slice(0, version + 1).flat();
    const last = (kind: string) => actions.findLast((action) => action[kind])?.[kind];
    const removed = actions.flatMap(({ remove }) => (remove === undefined ? [] : [remove]));
    const gone = new Set(removed.map(({ path }) => path));
    const added = actions.flatMap(({ add }) => (add === undefined ? [] : [add]));
    return {
      protocol: last('protocol'),
      metaData: last('metaData'),
      add: added
        .filter(({ path }) => !gone.has(path))
        .map((add) => ({ ...add, dataChange: false })),
      remove: removed.map(({ path, deletionTimestamp }) => ({
        path,
        deletionTimestamp,
        dataChange: false,
      })),
    };
  }

  const plain = (value: unknown) =>
    JSON.parse(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v)));

  test.each([100, 200])('hyparquet reads that of version %i', async (version) => {
    const file = await asyncBufferFromFile(path.join(logOf(whole), checkpointName(version)));
    const rows: Action[] = plain(await parquetReadObjects({ file }));
    const all = (kind: string) => rows.flatMap((row) => row[kind] ?? []);
    const expected = reconciled(version);
    const byPath = (a: { path?: unknown }, b: { path?: unknown }) =>
      String(a.path).localeCompare(String(b.path));
    expect(all('protocol')).toEqual([expected.protocol]);
    expect(all('metaData')).toEqual([expected.metaData]);
    expect(all('add')).toEqual(expected.add);
    expect(all('remove').sort(byPath)).toEqual(expected.remove.sort(byPath));
  });

  test('DuckDB reads it', async () => {
    const file = quoted(path.join(logOf(whole), checkpointName(200)));
    const reader = await duckDb(
      `SELECT add.path, add.tags['tally.chunk'], add.stats FROM read_parquet(${file})
       WHERE add.path IS NOT NULL`,
    );
    expect(reader.getRows()).toEqual(
      reconciled(200).add.map((add) => [
        add.path,
        (add as unknown as Action).tags?.['tally.chunk'],
        (add as unknown as Record<string, unknown>).stats,
      ]),
    );
  });
});

describe.each([
  { index: 'with its index', lose: async () => {} },
  { index: 'with an index that is made anew', lose: removeIndex },
])('the table $index', ({ lose }) => {
  test('is the same to all calls, as of each version', () =>
    withCopy(
      () => whole,
      async (dataDir) => {
        await lose(dataDir);
        for (let start = 0; start < 2; start++) {
          await withServer({ dataDir, args: noCaches }, async (_server, connection) => {
            expect(await seenOf(connection, asOf)).toEqual(seen);
          });
          expect(await problemsOf(dataDir)).toEqual([]);
        }
      },
    ));

  test('knows keys, and chunks, whose commits are gone, and grows', () =>
    withCopy(
      () => whole,
      async (dataDir) => {
        await lose(dataDir);
        await withServer({ dataDir }, async (_server, { streamed, table }) => {
          const [first] = seen.chunks;
          const replayed = await uploadRow(streamed, 1);
          expect(replayed).toEqual({ chunkId: first?.chunkId, isReplay: true });
          // One that was deleted may be uploaded again.
          expect((await uploadRow(streamed, 3)).isReplay).toBe(false);
          const sum = BigInt(String(await sumOf(table, 'x')));
          expect(await deleteChunk(streamed, 1)).toEqual({ version: 235n });
          expect(await sumOf(table, 'x')).toBe(sum - 1n);
          expect((await uploadRow(streamed, 1)).isReplay).toBe(false);
          await uploadRows(streamed, 1000, 1070);
          await untilRemoved(dataDir, 199);
          expect(await readdir(logOf(dataDir))).not.toContain(checkpointName(100));
        });
        expect(await problemsOf(dataDir)).toEqual([]);
        await removeIndex(dataDir);
        await withServer({ dataDir }, async (_server, { table, streamed }) => {
          expect((await streamed.describeTable({})).summary?.version).toBe(307n);
          expect(typeof (await sumOf(table, 'x'))).toBe('bigint');
        });
        expect(await problemsOf(dataDir)).toEqual([]);
      },
    ));
});

describe('a kill while a checkpoint is made leaves a table that is well', () => {
  const preload = new URL('./die-at-checkpoint.mjs', import.meta.url).href;
  test.each([
    { at: checkpointName(200), when: 'before' },
    { at: checkpointName(200), when: 'after' },
    { at: '_last_checkpoint', when: 'before', grows: true },
    { at: '_last_checkpoint', when: 'after' },
    { at: commitName(0), when: 'after' },
    { at: commitName(57), when: 'after', grows: true },
    { at: commitName(99), when: 'after' },
  ])('$when $at', ({ at, when, grows = false }) =>
    withCopy(
      () => before,
      async (dataDir) => {
        const env = { NODE_OPTIONS: `--import ${preload}`, DIE_AT: at, DIE_WHEN: when };
        await withProcess({ dataDir, env }, async (server, { streamed }) => {
          await uploadRow(streamed, 201).catch(() => {});
          await eventually(async () => server.process.signalCode === 'SIGKILL');
        });
        await rm(path.join(dataDir, 'tmp'), { recursive: true });
        expect(await problemsOf(dataDir)).toEqual([]);
        await removeIndex(dataDir);
        await withServer({ dataDir }, async (_server, { streamed, table }) => {
          await uploadRow(streamed, 201);
          const { summary } = await streamed.describeTable({});
          expect(summary).toMatchObject({ version: 200n, chunks: 191n });
          expect(await sumOf(table, 'x')).toBe(19_110n + 201n - 321n);
          await uploadRows(streamed, 202, 301);
          await eventually(async () =>
            (await readdir(logOf(dataDir))).includes(checkpointName(300)),
          );
        });
        expect(await problemsOf(dataDir)).toEqual([]);
      },
    ),
  );
});

/** What the process has written to its standard error, while `work` runs. */
async function errorsOf(work: () => Promise<void>): Promise<string> {
  const said: string[] = [];
  const spy = vi.spyOn(console, 'error').mockImplementation((line) => said.push(String(line)));
  try {
    await work();
  } finally {
    spy.mockRestore();
  }
  return said.join('\n');
}

const bytesOf = (dataDir: string, name: string) => readFile(path.join(logOf(dataDir), name));

async function change(dataDir: string, name: string, how: (bytes: Buffer) => Buffer | string) {
  await writeFile(path.join(logOf(dataDir), name), how(await bytesOf(dataDir, name)));
}

const flipped = (at: number) => (bytes: Buffer) => {
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  return bytes;
};

describe('a checkpoint that is damaged is told of, and nothing is lost', () => {
  const damages = [
    {
      what: 'a byte of its first row group is another',
      how: flipped(20),
      sentence: 'is damaged: the checksum of its bytes from 4 on is wrong',
    },
    {
      what: 'a byte of its footer is another',
      how: flipped(-40),
      sentence: 'is damaged: the checksum of its footer is wrong',
    },
    {
      what: 'its magic bytes are others',
      how: flipped(0),
      sentence: 'is damaged: the checksum of its footer is wrong',
    },
    {
      what: 'it is cut off',
      how: (bytes: Buffer) => bytes.subarray(0, bytes.length / 2),
      sentence: 'is damaged: it has no footer of a Parquet file',
    },
    {
      what: 'it is empty',
      how: () => '',
      sentence: 'is damaged: it has no footer of a Parquet file',
    },
  ];

  test.each(damages)('$what', ({ how, sentence }) =>
    withCopy(
      () => whole,
      async (dataDir) => {
        await change(dataDir, checkpointName(200), how);
        await removeIndex(dataDir);
        const said = await errorsOf(() =>
          withServer({ dataDir, args: noCaches }, async (_server, connection) => {
            expect(await seenOf(connection, asOf)).toEqual(seen);
          }),
        );
        expect(said).toContain(`${checkpointName(200)} ${sentence}`);
        expect(await problemsOf(dataDir)).toEqual([
          {
            kind: 'checkpoint',
            file: `tables/default/delta/_delta_log/${checkpointName(200)}`,
            what: sentence,
            toDo: 'move it elsewhere: the rest of the log has what it should hold',
          },
        ]);
      },
    ),
  );

  test('a byte of a row group of chunks is another: later calls and checkpoints do without it', () =>
    withCopy(
      () => whole,
      async (dataDir) => {
        await change(dataDir, checkpointName(200), flipped(5000));
        const said = await errorsOf(() =>
          withServer({ dataDir }, async (_server, { streamed }) => {
            expect((await uploadRow(streamed, 1)).isReplay).toBe(true);
            await uploadRows(streamed, 1000, 1070);
            await eventually(async () => (await bytesOf(dataDir, '_last_checkpoint')).includes(300));
          }),
        );
        expect(said).toMatch(/200\.checkpoint\.parquet is damaged: .* A new checkpoint was made/);
        // What it was built upon is there, and so is all that came after that.
        expect(await readdir(logOf(dataDir))).toContain(checkpointName(100));
        await rm(path.join(logOf(dataDir), checkpointName(200)));
        expect(await problemsOf(dataDir)).toEqual([]);
      },
    ));
});
