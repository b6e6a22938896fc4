import { cp, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LaunchedServer, launchServer } from '../dist/launch.js';
import { openCatalog } from '../src/tables/catalog.js';
import { openChunkIndex } from '../src/tables/chunk-index.js';
import { openDeltaLog } from '../src/tables/delta-log.js';
import { type Connection, connect, withFolder, withServer } from './server.js';
import { keep, sumOf, upload } from './table-calls.js';
import {
  type Action,
  commitPath,
  type DeltaTable,
  duckDb,
  duckDbTypes,
  identifier,
  listTableFiles,
  quoted,
  readCommits,
  readDeltaTable,
  readWithDuckDb,
  readWithHyparquet,
  tableFolders,
  type Value,
} from './table-files.js';

interface Example {
  readonly name: string;
  readonly csv: string;
  readonly values: Readonly<Record<string, readonly Value[]>>;
}

/** The chunks of one table, which differ in everything that chunks can differ in. */
const chunks: readonly Example[] = [
  {
    name: 'an integer, text and double',
    csv: 'id,Airport Name,price\n1,"Zürich, ZRH",1.5\n2,,-0.25\n',
    values: { id: [1n, 2n], 'Airport Name': ['Zürich, ZRH', null], price: [1.5, -0.25] },
  },
  {
    name: 'a header only',
    csv: 'id,Airport Name,price\n',
    values: { id: [], 'Airport Name': [], price: [] },
  },
  {
    name: 'other types, and a name that differs by case',
    csv: 'ID,open,day,at\n10,true,2024-02-29,2024-02-29T12:00:00Z\n,false,,\n',
    values: {
      ID: [10n, null],
      open: [true, false],
      day: ['2024-02-29', null],
      at: [1_709_208_000_000_000n, null],
    },
  },
  {
    name: 'no value at all',
    csv: 'id,new\n,\n,\n,\n',
    values: { id: [null, null, null], new: [null, null, null] },
  },
  {
    name: 'another type of a known column',
    csv: 'price,id\nfree,3\n7,4\n',
    values: { price: ['free', '7'], id: [3n, 4n] },
  },
  { name: 'empty texts', csv: 'new\n""\nx\n\n', values: { new: ['', 'x', null] } },
  {
    name: 'several row groups',
    csv: `id,n\n${Array.from({ length: 2500 }, (_, i) => `${i},${i % 2 === 0 ? i : ''}\n`).join('')}`,
    values: {
      id: Array.from({ length: 2500 }, (_, i) => BigInt(i)),
      n: Array.from({ length: 2500 }, (_, i) => (i % 2 === 0 ? BigInt(i) : null)),
    },
  },
];

const deltaTypes: Readonly<Record<string, string>> = {
  BIGINT: 'long',
  DOUBLE: 'double',
  BOOLEAN: 'boolean',
  DATE: 'date',
  'TIMESTAMP WITH TIME ZONE': 'timestamp',
  VARCHAR: 'string',
};

describe('the table is a Delta Lake table', () => {
  let server: LaunchedServer;
  let connection: Connection;
  let table: DeltaTable;
  let commits: Action[][];

  beforeAll(async () => {
    server = await launchServer({ args: ['--row-group-rows-max', '1000'] });
    connection = connect(server);
    await keep(connection.table, ...chunks.map(({ csv }) => csv));
    table = await readDeltaTable(server.dataDir);
    commits = await readCommits(server.dataDir);
  });
  afterAll(async () => {
    connection.close();
    await server.stop();
  });

  describe.each([
    { reader: 'DuckDB', read: readWithDuckDb },
    { reader: 'hyparquet', read: readWithHyparquet },
  ])('$reader reads every Parquet file', ({ read }) => {
    test.each(chunks)('$name', async (example) => {
      const { values } = example;
      const chunk = table.chunks[chunks.indexOf(example)];
      const columns = await read(chunk?.parquetPath ?? '');
      expect([...(chunk?.fields.keys() ?? [])]).toEqual(Object.keys(values));
      for (const [column, field] of chunk?.fields ?? []) {
        const nothing = values[column]?.every((value) => value === null);
        if (nothing) expect(field).toBeNull();
        else expect(columns.get(field ?? '')).toEqual(values[column]);
      }
      // Each column, or one without values where no column has any, holds a value for each row.
      const rows = Object.values(values)[0]?.length;
      expect(chunk?.rows).toBe(rows);
      for (const stored of columns.values()) expect(stored.length).toBe(rows);
    });
  });

  test('and agrees with the service on rows and sums', async () => {
    const files = table.chunks.map(({ parquetPath }) => quoted(parquetPath)).join();
    const all = `read_parquet([${files}], union_by_name = true)`;
    const sums: Record<string, bigint> = { id: 3_123_760n, ID: 10n, n: 1_561_250n };
    for (const [column, sum] of Object.entries(sums)) {
      const { name = '' } = table.fields.find((field) => field.column === column) ?? {};
      const query = `SELECT count(*), sum(${identifier(name)}) FROM ${all}`;
      expect((await duckDb(query)).getRows()).toEqual([[2512n, sum]]);
      expect(await sumOf(connection.table, column)).toBe(sum);
    }
  });

  test('the first commit is for readers of version 1 and writers of version 2', () => {
    const protocols = commits.flatMap((actions, version) =>
      actions.flatMap(({ protocol }) => (protocol === undefined ? [] : [{ version, protocol }])),
    );
    expect(protocols).toEqual([
      { version: 0, protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
    ]);
  });

  test('a schema is written when it changes, with one id, and only grows', () => {
    const schemas = commits.map((actions) => actions.find(({ metaData }) => metaData)?.metaData);
    // The second chunk needs a field for no values, which serves the fourth too.
    const changes = [true, true, true, false, true, true, true];
    expect(schemas.map((schema) => schema !== undefined)).toEqual(changes);
    const written = schemas.filter((schema) => schema !== undefined);
    expect(new Set(written.map(({ id }) => id)).size).toBe(1);
    let known: unknown[] = [];
    for (const { format, partitionColumns, configuration, schemaString } of written) {
      expect(format).toEqual({ provider: 'parquet', options: {} });
      expect({ partitionColumns, configuration }).toEqual({
        partitionColumns: [],
        configuration: {},
      });
      const { type, fields } = JSON.parse(String(schemaString));
      expect(type).toBe('struct');
      expect(fields.slice(0, known.length)).toEqual(known);
      expect(fields.length).toBeGreaterThan(known.length);
      for (const field of fields) expect(field.nullable).toBe(true);
      known = fields;
    }
    expect(table.fields).toEqual([
      { name: 'id', type: 'long', column: 'id' },
      { name: 'Airport_Name', type: 'string', column: 'Airport Name' },
      { name: 'price', type: 'double', column: 'price' },
      { name: 'tally_no_values', type: 'boolean', column: undefined },
      { name: 'ID_2', type: 'long', column: 'ID' },
      { name: 'open', type: 'boolean', column: 'open' },
      { name: 'day', type: 'date', column: 'day' },
      { name: 'at', type: 'timestamp', column: 'at' },
      { name: 'price__string', type: 'string', column: 'price' },
      { name: 'new', type: 'string', column: 'new' },
      { name: 'n', type: 'long', column: 'n' },
    ]);
  });

  test('every commit adds one file, and says its size and its rows', async () => {
    expect(commits.length).toBe(chunks.length);
    for (const [version, actions] of commits.entries()) {
      for (const action of actions) expect(Object.keys(action).length).toBe(1);
      const added = actions.flatMap(({ add }) => (add === undefined ? [] : [add]));
      expect(added.length).toBe(1);
      const [add] = added;
      const file = path.join(tableFolders(server.dataDir).delta, String(add?.path));
      expect(file).toBe(table.chunks[version]?.parquetPath);
      expect(add).toMatchObject({
        partitionValues: {},
        size: (await stat(file)).size,
        dataChange: true,
        stats: JSON.stringify({ numRecords: table.chunks[version]?.rows }),
      });
      expect(Math.abs(Date.now() - Number(add?.modificationTime))).toBeLessThan(600_000);
    }
  });

  test('every field of a Parquet file is in the schema with its type', async () => {
    for (const { parquetPath } of table.chunks) {
      for (const [name, type] of await duckDbTypes(parquetPath)) {
        const field = table.fields.find((field) => field.name === name);
        expect([name, field?.type]).toEqual([name, deltaTypes[type]]);
      }
    }
  });
});

const commitInfo = { commitInfo: { timestamp: 0, operation: 'VACUUM END', engineInfo: 'other' } };

const writeCommit = (dataDir: string, version: number, ...actions: object[]) =>
  writeFile(
    commitPath(dataDir, version),
    actions.map((action) => `${JSON.stringify(action)}\n`).join(''),
    { flag: 'wx' },
  );

describe('a commit of another writer stops the table, and nothing else', () => {
  const add = { path: 'x', partitionValues: {}, size: 1, modificationTime: 0, dataChange: true };

  const inLog = (version: number) =>
    `the table is stopped: the table's log (_delta_log/${path.basename(commitPath('', version))})`;
  const notOurs = (version: number, kind: string) =>
    `${inLog(version)} holds what Tally did not write (${kind}): ` +
    "Tally must be the table's only writer";

  async function expectStopped({ numbers, table }: Connection, sentence: string): Promise<void> {
    expect(await upload(table, 'x\n1\n')).toBe(sentence);
    expect(await sumOf(table, 'x')).toBe(sentence);
    const { total } = await numbers.setNum({ key: 'k', value: 1n });
    expect((await numbers.setNum({ key: 'k', value: 2n })).total).toBe(total + 1n);
  }

  test('while the server runs, and after a restart', () =>
    withFolder(async (dataDir) => {
      await withServer({ dataDir }, async (_server, connection) => {
        await keep(connection.table, 'x\n1\n', 'x\n2\n');
        const before = await listTableFiles(dataDir);
        await writeCommit(dataDir, 2, { add }, commitInfo);
        await expectStopped(connection, notOurs(2, 'add'));
        // The upload that met it has left nothing behind.
        const log = [...before.log, path.basename(commitPath(dataDir, 2))];
        expect(await listTableFiles(dataDir)).toEqual({ ...before, log });
      });
      await withServer({ dataDir }, (_server, connection) =>
        expectStopped(connection, notOurs(2, 'add')),
      );
      // Without it the table is as it was.
      await rm(commitPath(dataDir, 2));
      await withServer({ dataDir }, async (_server, { table }) => {
        expect(await sumOf(table, 'x')).toBe(3n);
        await keep(table, 'x\n4\n');
      });
    }));

  describe('whatever it holds', () => {
    let original: string;

    beforeAll(async () => {
      original = await mkdtemp(path.join(tmpdir(), 'tally-delta-'));
      await withServer({ dataDir: original }, (_server, { table }) =>
        keep(table, 'x\n1\n', 'x\n2\n', 'x\n4\n'),
      );
    });
    afterAll(() => rm(original, { recursive: true }));

    const keyLimits = { idempotencyKeysMax: 10, idempotencyHours: 24 };

    /** What the catalog of a copy says, once `change` has been made to the log. */
    function sentenceAfter(change: (dataDir: string) => Promise<void>): Promise<string> {
      return withFolder(async (dataDir) => {
        await cp(original, dataDir, { recursive: true });
        await change(dataDir);
        const folders = tableFolders(dataDir);
        const index = await openChunkIndex(folders.index, undefined, keyLimits);
        const catalog = await openCatalog(openDeltaLog(folders, false), index, async () => []);
        return catalog.state().then(
          ({ chunks }) => `${chunks} chunks`,
          (error: Error) => error.message,
        );
      });
    }

    test.each([
      { name: 'an added file', actions: [commitInfo, { add }], kind: 'add' },
      { name: 'a removed file', actions: [{ remove: { path: 'x' } }, commitInfo], kind: 'remove' },
      { name: 'another schema', actions: [{ metaData: { id: 'x' } }], kind: 'metaData' },
      { name: 'another protocol', actions: [{ protocol: {} }], kind: 'protocol' },
      { name: 'a mark', actions: [{ txn: { appId: 'x', version: 1 } }], kind: 'txn' },
      {
        name: 'several',
        actions: [{ add }, { remove: {} }, { cdc: {} }],
        kind: 'add, remove, cdc',
      },
    ])('$name', async ({ actions, kind }) => {
      const sentence = await sentenceAfter((dataDir) => writeCommit(dataDir, 3, ...actions));
      expect(sentence).toBe(notOurs(3, kind));
    });

    test.each(['not JSON\n', '{"commitInfo":{}}\n{"add":{"path":"parq', 'null\n', '7\n'])(
      'what is no action: %j',
      async (text) => {
        const sentence = await sentenceAfter((dataDir) => writeFile(commitPath(dataDir, 3), text));
        expect(sentence).toBe(`${inLog(3)} is not readable: a line of it is no JSON object`);
      },
    );

    test('a commit that is missing, lest later chunks be left out of sums', async () => {
      expect(await sentenceAfter((dataDir) => rm(commitPath(dataDir, 1)))).toBe(
        `${inLog(1)} is missing, but later commits are there`,
      );
    });

    test('but not what other engines keep beside the log', async () => {
      const sentence = await sentenceAfter(async (dataDir) => {
        const { log } = tableFolders(dataDir);
        for (const name of [
          '_last_checkpoint',
          '00000000000000000002.checkpoint.parquet',
          'x.crc',
        ]) {
          await writeFile(path.join(log, name), '{}');
        }
      });
      expect(sentence).toBe('3 chunks');
    });
  });
});

test('uploads that arrive together share a commit, and each of them is there', () =>
  withServer({}, async ({ dataDir }, { table }) => {
    const count = 24;
    await Promise.all(
      Array.from({ length: count }, (_, i) => keep(table, `x,c${i % 5}\n${i},1\n`)),
    );
    const commits = await readCommits(dataDir);
    expect(commits.length).toBeLessThan(count);
    expect((await readDeltaTable(dataDir)).chunks.length).toBe(count);
    expect(await sumOf(table, 'x')).toBe(BigInt((count * (count - 1)) / 2));
  }));

describe("another engine's VACUUM, which commits a commitInfo alone, is tolerated", () => {
  test('while the server runs', async () => {
    await withServer({}, async ({ dataDir }, { table }) => {
      await keep(table, 'x\n1\n');
      await writeCommit(dataDir, 1, commitInfo);
      await writeCommit(dataDir, 2, commitInfo);
      expect(await sumOf(table, 'x')).toBe(1n);
      // Several at once: one of them meets the commits, and all find their version.
      await Promise.all([2, 4, 8].map((value) => keep(table, `x,y\n${value},1\n`)));
      expect(await sumOf(table, 'x')).toBe(15n);
      expect(await sumOf(table, 'y')).toBe(3n);
      expect((await readDeltaTable(dataDir)).chunks.length).toBe(4);
    });
  });

  test('before a start, and at the end of the log', () =>
    withFolder(async (dataDir) => {
      await withServer({ dataDir }, (_server, { table }) => keep(table, 'x\n1\n', 'x,y\n2,2\n'));
      await writeCommit(dataDir, 2, commitInfo);
      await withServer({ dataDir }, async (_server, { table }) => {
        expect(await sumOf(table, 'x')).toBe(3n);
        await keep(table, 'x,z\n4,4\n');
        expect(await sumOf(table, 'x')).toBe(7n);
      });
      await writeCommit(dataDir, 4, commitInfo);
      await withServer({ dataDir }, async (_server, { table }) => {
        expect(await sumOf(table, 'x')).toBe(7n);
        expect(await sumOf(table, 'z')).toBe(4n);
      });
    }));
});
