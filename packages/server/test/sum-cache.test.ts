import { Metadata } from 'nice-grpc';
import { expect, test } from 'vitest';
import { type Connection, withServer } from './server.js';
import { keep } from './table-calls.js';

/** A sum, and of how many files it was known, and how many were read for it. */
async function sumWithHits({ table }: Connection, column: string, format: string) {
  let trailer = Metadata();
  const { total, error } = await table.colSum(
    { column, format },
    {
      onTrailer: (sent) => {
        trailer = sent;
      },
    },
  );
  const count = (name: string) => Number(trailer.get(name));
  return {
    total,
    error,
    hits: count('tally-sum-cache-hits'),
    read: count('tally-files-read'),
  };
}

test('files that were summed before are not read again, in each format and column', () =>
  withServer({}, async (_server, connection) => {
    await keep(connection.table, 'x,y\n1,10\n', 'x\n2\n', 'y\n20\n');
    for (const format of ['csv', 'parquet']) {
      const sum = (column: string) => sumWithHits(connection, column, format);
      expect(await sum('x')).toEqual({ total: 3n, error: '', hits: 0, read: 2 });
      expect(await sum('x')).toEqual({ total: 3n, error: '', hits: 2, read: 0 });
      expect(await sum('y')).toEqual({ total: 30n, error: '', hits: 0, read: 2 });
    }
    await keep(connection.table, 'x\n4\n');
    expect(await sumWithHits(connection, 'x', 'csv')).toEqual({
      total: 7n,
      error: '',
      hits: 2,
      read: 1,
    });
  }));

test('with --sum-cache-entries 0 every file is read each time', () =>
  withServer({ args: ['--sum-cache-entries', '0'] }, async (_server, connection) => {
    await keep(connection.table, 'x\n1\n', 'x\n2\n');
    for (let i = 0; i < 2; i++) {
      const sum = await sumWithHits(connection, 'x', 'parquet');
      expect(sum).toEqual({ total: 3n, error: '', hits: 0, read: 2 });
    }
  }));

// A column takes the room of four sums besides its own.
test('no more sums are kept than allowed: the column that was used longest ago goes', () =>
  withServer({ args: ['--sum-cache-entries', '10'] }, async (_server, connection) => {
    await keep(connection.table, 'x\n1\n', 'y\n2\n', 'z\n4\n');
    const sum = async (column: string) => (await sumWithHits(connection, column, 'csv')).hits;
    expect([await sum('x'), await sum('y'), await sum('x'), await sum('z')]).toEqual([0, 0, 1, 0]);
    expect([await sum('x'), await sum('y')]).toEqual([1, 0]);
  }));

test('of a column with more files than there is room for, as many sums are kept as fit', () =>
  withServer({ args: ['--sum-cache-entries', '7'] }, async (_server, connection) => {
    await keep(connection.table, ...[1, 2, 4, 8, 16].map((n) => `x\n${n}\n`));
    for (const hits of [0, 3, 3]) {
      const sum = await sumWithHits(connection, 'x', 'parquet');
      expect(sum).toEqual({ total: 31n, error: '', hits, read: 5 - hits });
    }
  }));

test('a sum with a fault is not kept', () =>
  withServer({}, async (_server, connection) => {
    await keep(connection.table, 'x\none\n');
    for (let i = 0; i < 2; i++) {
      const { error } = await sumWithHits(connection, 'x', 'csv');
      expect(error).toMatch(/^column "x" cannot be summed: in chunk 1, line 2: "one" is not an/);
    }
  }));
