import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { ColumnType } from '@tally/stubs';
import fc from 'fast-check';
import { Status } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import { launchServer } from '../dist/launch.js';
import { connect, endWith, sharedServer, withFolder, withProcess, withServer } from './server.js';
import { keep, sumOf } from './table-calls.js';

const shared = sharedServer();
const service = () => shared.connection.streamed;

async function* file(table: string, csv: string, key?: string) {
  yield { table, csvData: Buffer.from(csv), ...(key && { idempotencyKey: key }) };
}

const uploadTo = (table: string, csv: string, key?: string) =>
  service().upload(file(table, csv, key));

let made = 0;
async function newTable(): Promise<string> {
  const table = `table-${++made}`;
  await service().createTable({ table });
  return table;
}

describe('named tables', () => {
  test('a new table is empty, and is its own', async () => {
    const table = await newTable();
    expect((await service().describeTable({ table })).summary).toMatchObject({
      table,
      version: undefined,
      rows: 0n,
      chunks: 0n,
      csvBytes: 0n,
      parquetBytes: 0n,
    });
    await uploadTo(table, 'own\n1\n2\n');
    expect(await sumOf(shared.connection.table, 'own')).toBe(0n);
    expect((await service().describeTable({ table })).summary).toMatchObject({
      version: 0n,
      rows: 2n,
      chunks: 1n,
      csvBytes: 8n,
    });
  });

  test('a table is described with its columns, each type that they have, and where Delta Lake has them', async () => {
    const table = await newTable();
    await uploadTo(table, 'n,Airport Name,none\n1,a,\n');
    await uploadTo(table, 'n,d\n1.5,2026-11-23\n');
    const { columns, deltaPath } = await service().describeTable({ table });
    expect(deltaPath).toBe(`tables/${table}/delta`);
    expect(columns).toEqual([
      {
        name: 'n',
        types: [
          { type: ColumnType.COLUMN_TYPE_INT64, deltaColumn: 'n' },
          { type: ColumnType.COLUMN_TYPE_DOUBLE, deltaColumn: 'n__double' },
        ],
      },
      {
        name: 'Airport Name',
        types: [{ type: ColumnType.COLUMN_TYPE_STRING, deltaColumn: 'Airport_Name' }],
      },
      { name: 'd', types: [{ type: ColumnType.COLUMN_TYPE_DATE, deltaColumn: 'd' }] },
    ]);
  });

  test('an upload is told what was kept', async () => {
    const table = await newTable();
    const reply = await uploadTo(table, 'a,b,c\n1,x,\n');
    expect(reply).toMatchObject({
      error: '',
      rows: 1n,
      csvBytes: 11n,
      columns: [
        { name: 'a', type: ColumnType.COLUMN_TYPE_INT64 },
        { name: 'b', type: ColumnType.COLUMN_TYPE_STRING },
        { name: 'c', type: ColumnType.COLUMN_TYPE_UNSPECIFIED },
      ],
    });
    const { chunks } = await service().listChunks({ table });
    expect(chunks).toEqual([
      {
        chunkId: reply.chunkId,
        number: 1n,
        rows: 1n,
        csvBytes: 11n,
        parquetBytes: reply.parquetBytes,
        version: 0n,
      },
    ]);
    const { csv, parquet } = {
      csv: await readdir(path.join(shared.server.dataDir, 'tables', table, 'csv')),
      parquet: await readdir(path.join(shared.server.dataDir, 'tables', table, 'delta', 'parquet')),
    };
    expect(csv).toEqual([`${reply.chunkId}.csv`]);
    expect(parquet).toEqual([`${reply.chunkId}.parquet`]);
  });

  test('an upload that is repeated is told the same, also after a restart', () =>
    withFolder(async (dataDir) => {
      const answers: unknown[] = [];
      for (const _ of [1, 2]) {
        await withProcess({ dataDir }, async (server, { streamed }) => {
          await streamed.createTable({ table: 'kept' }).catch(() => {});
          answers.push(await streamed.upload(file('kept', 'a,b\n1,x\n', 'key-1')));
          answers.push(await streamed.upload(file('kept', 'a,b\n1,x\n', 'key-1')));
          // The same key in another table is another upload.
          expect((await streamed.upload(file('', 'a,b\n1,x\n', 'key-1'))).chunkId).not.toBe('');
          await endWith(server, 'SIGKILL');
        });
      }
      expect(answers).toEqual(Array(4).fill(answers[0]));
    }));

  test('names are the same in any case, and nothing else is a name', async () => {
    const table = await newTable();
    const other = table.toUpperCase();
    await uploadTo(other, 'x\n1\n');
    expect((await service().describeTable({ table: other })).summary?.table).toBe(table);
    await expect(service().createTable({ table: other })).rejects.toMatchObject({
      code: Status.ALREADY_EXISTS,
      details: `there is a table "${other}" already`,
    });
    const wrong = ['.', '..', '../x', 'a/b', 'a b', '-a', '_a', 'é', 'a'.repeat(65), 'a\0', 'con.'];
    for (const name of wrong) {
      await expect(service().createTable({ table: name })).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        details: /^the table name ".*" is not allowed: a table has 1 to 64 letters/,
      });
    }
    for (const name of ['__proto__', 'constructor']) {
      const made = service().createTable({ table: name });
      if (name.startsWith('_')) await expect(made).rejects.toThrow();
      else await made;
    }
    const none = { table: 'no-such-table' };
    for (const call of [
      () => service().describeTable(none),
      () => service().dropTable(none),
      () => service().listChunks(none),
      () => uploadTo('no-such-table', 'x\n1\n'),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: Status.NOT_FOUND,
        details: 'there is no table "no-such-table": CreateTable makes one, ListTables lists them',
      });
    }
  });

  test('tables and chunks are listed in pages, each once', async () => {
    const table = await newTable();
    for (let i = 0; i < 7; i++) await uploadTo(table, `x\n${i}\n`);
    const all = (await service().listChunks({ table })).chunks;
    expect(all.map(({ number }) => number)).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n]);
    for (const pageSize of [1, 3, 7]) {
      const found = [];
      let pageToken = '';
      do {
        const page = await service().listChunks({ table, pageSize, pageToken });
        found.push(...page.chunks);
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(found).toEqual(all);
    }
    const names = (await service().listTables({})).tables.map(({ table }) => table);
    expect(names).toEqual(names.toSorted());
    expect(names).toContain('default');
    const first = await service().listTables({ pageSize: 1 });
    expect(first.tables.map(({ table }) => table)).toEqual(names.slice(0, 1));
    const { nextPageToken } = first;
    const second = await service().listTables({ pageSize: 1, pageToken: nextPageToken });
    expect(second.tables.map(({ table }) => table)).toEqual(names.slice(1, 2));
    for (const call of [
      () => service().listChunks({ table, pageToken: nextPageToken }),
      () => service().listTables({ pageToken: `x${nextPageToken}` }),
      () => service().listTables({ pageToken: 'x' }),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        details: /^the page token is not that of a page of the same list/,
      });
    }
    for (const pageSize of [-1, 1001]) {
      await expect(service().listTables({ pageSize })).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        details: `the page size is ${pageSize}: 1 to 1000 are allowed, and 0 for 100`,
      });
    }
  });
});

describe('a table that is dropped', () => {
  test('is gone with its files, and may be made anew', async () => {
    const table = await newTable();
    await uploadTo(table, 'x\n1\n');
    await service().dropTable({ table });
    await expect(service().describeTable({ table })).rejects.toMatchObject({
      code: Status.NOT_FOUND,
    });
    const { dataDir } = shared.server;
    expect(await readdir(path.join(dataDir, 'tables'))).not.toContain(table);
    expect(await readdir(path.join(dataDir, 'tmp'))).toEqual([]);
    await service().createTable({ table });
    expect((await service().describeTable({ table })).summary?.chunks).toBe(0n);
  });

  test('is not the default one', async () => {
    await expect(service().dropTable({ table: 'Default' })).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      details: 'the table "default" is the one of the service Table, and cannot be dropped',
    });
  });

  test('lets uploads in progress end or fail, and keeps nothing of them', async () => {
    const table = await newTable();
    const uploads = Array.from({ length: 12 }, (_, i) =>
      uploadTo(table, `x\n${'1\n'.repeat(i * 2000)}`).then(
        ({ error }) => error,
        (error: { details: string }) => error.details,
      ),
    );
    await Promise.race(uploads);
    await service().dropTable({ table });
    for (const said of await Promise.all(uploads)) {
      expect(['', `the table "${table}" was dropped`]).toContain(
        said.startsWith('there is no table') ? '' : said,
      );
    }
    expect(await readdir(path.join(shared.server.dataDir, 'tmp'))).toEqual([]);
  });
});

test('any calls on tables leave what a model of them says', async () => {
  const names = ['a', 'b', 'c'];
  const step = fc.record({
    what: fc.constantFrom('create', 'drop', 'upload' as const),
    name: fc.constantFrom(...names),
    value: fc.integer(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const model = new Map<string, number>();
      for (const name of names)
        await service()
          .dropTable({ table: name })
          .catch(() => {});
      for (const { what, name, value } of steps) {
        const known = model.has(name);
        if (what === 'create') {
          const done = await service()
            .createTable({ table: name })
            .then(
              () => true,
              () => false,
            );
          expect(done).toBe(!known);
          if (done) model.set(name, 0);
        } else if (what === 'drop') {
          const done = await service()
            .dropTable({ table: name })
            .then(
              () => true,
              () => false,
            );
          expect(done).toBe(known);
          model.delete(name);
        } else if (known) {
          await uploadTo(name, `x\n${value}\n`);
          model.set(name, (model.get(name) ?? 0) + 1);
        }
      }
      const { tables } = await service().listTables({});
      const found = tables
        .filter(({ table }) => names.includes(table))
        .map(({ table, chunks }) => [table, Number(chunks)]);
      expect(found).toEqual([...model].sort());
    }),
    { numRuns: 10 },
  );
});

test('there are at most --tables-max tables', () =>
  withServer({ args: ['--tables-max', '2'] }, async (_server, { streamed }) => {
    await streamed.createTable({ table: 'one' });
    await expect(streamed.createTable({ table: 'two' })).rejects.toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details: 'there are 2 tables, as many as may be (--tables-max of the server)',
    });
    await streamed.dropTable({ table: 'one' });
    await streamed.createTable({ table: 'two' });
  }));

test('tables that a crash has left half dropped are gone at the next start', () =>
  withFolder(async (dataDir) => {
    const server = await launchServer({ dataDir });
    const { streamed, table, close } = connect(server);
    await keep(table, 'x\n1\n');
    await streamed.createTable({ table: 'gone' });
    const dropping = streamed.dropTable({ table: 'gone' }).catch(() => {});
    await endWith(server, 'SIGKILL');
    await dropping;
    close();
    await withServer({ dataDir }, async (_server, connection) => {
      expect(await sumOf(connection.table, 'x')).toBe(1n);
      expect(await readdir(path.join(dataDir, 'tmp'))).toEqual([]);
    });
  }));
