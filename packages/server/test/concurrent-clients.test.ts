import { expect, onTestFinished, test } from 'vitest';
import { connect, withServer } from './server.js';
import { formats, keep, sumIn, sumOf, upload } from './table-calls.js';
import { readDeltaTable, readWithDuckDb } from './table-files.js';

test('a sum is of whole chunks: all that were acknowledged before it was asked', async () => {
  await withServer({}, async (server, connection) => {
    const rows = 500;
    const csv = `x,y,z\n${'1,-1,word\n'.repeat(rows)}`;
    let begun = 0;
    let acknowledged = 0;
    const uploads = 50;

    async function keepUploading(): Promise<void> {
      while (begun < uploads) {
        begun++;
        await keep(connection.table, csv);
        acknowledged++;
      }
    }

    const seen = new Set<bigint>();
    async function keepSumming(column: string, sign: bigint, format: string): Promise<void> {
      const { table, close } = connect(server);
      onTestFinished(close);
      while (acknowledged < uploads) {
        const least = acknowledged;
        const sum = await sumIn(table, column, format);
        const most = begun;
        const chunks = (BigInt(sum) * sign) / BigInt(rows);
        expect(sum).toBe(chunks * BigInt(rows) * sign);
        expect(chunks).toBeGreaterThanOrEqual(BigInt(least));
        expect(chunks).toBeLessThanOrEqual(BigInt(most));
        seen.add(chunks);
      }
    }

    await Promise.all([
      ...Array.from({ length: 6 }, keepUploading),
      ...formats.flatMap((format) => [keepSumming('x', 1n, format), keepSumming('y', -1n, format)]),
    ]);
    expect(seen.size).toBeGreaterThan(3);
    expect(await sumOf(connection.table, 'x')).toBe(BigInt(uploads * rows));
    expect((await readDeltaTable(server.dataDir)).chunks.length).toBe(uploads);
  });
});

test('a new column may come with several types at once, and each chunk is kept', async () => {
  await withServer({}, async (server, { table }) => {
    const values = { long: '7', string: 'seven', double: '0.7', date: '2024-07-07' };
    const rounds = 10;
    for (let round = 0; round < rounds; round++) {
      const column = `c${round}`;
      const uploads = Object.values(values).flatMap((value) => [
        `${column},n\n${value},1\n`,
        `n,${column}\n10,${value}\n`,
      ]);
      const errors = await Promise.all(uploads.map((csv) => upload(table, csv)));
      expect(errors).toEqual(uploads.map(() => ''));
      expect(await sumOf(table, 'n')).toBe(BigInt(44 * (round + 1)));

      const { fields, chunks } = await readDeltaTable(server.dataDir);
      const types = fields.filter((field) => field.column === column).map(({ type }) => type);
      expect(types.sort()).toEqual(Object.keys(values).sort());
      const number = chunks.findIndex((chunk) => {
        const field = fields.find(({ name }) => name === chunk.fields.get(column));
        return field !== undefined && field.type !== 'long';
      });
      expect(await sumOf(table, column)).toMatch(
        new RegExp(`^column "${column}" cannot be summed: in chunk ${number + 1}, line 2: `),
      );
    }
    const { fields, chunks } = await readDeltaTable(server.dataDir);
    expect(chunks.length).toBe(rounds * 8);
    // The last round's files hold their values in the fields that the log says.
    for (const { parquetPath, fields: chunkFields } of chunks.slice(-8)) {
      const columns = await readWithDuckDb(parquetPath);
      expect(new Set(columns.keys())).toEqual(new Set(chunkFields.values()));
      const type = fields.find(({ name }) => name === chunkFields.get(`c${rounds - 1}`))?.type;
      const stored = columns.get(chunkFields.get(`c${rounds - 1}`) ?? '');
      const expected = { ...values, long: 7n, double: 0.7 };
      expect(stored).toEqual([expected[type as keyof typeof expected]]);
    }
  });
});
