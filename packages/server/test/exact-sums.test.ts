import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sharedServer, withServer } from './server.js';
import { keep, sumOf } from './table-calls.js';

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

const shared = sharedServer();

test('sums are exact beyond int64 on the way, but the total must be within it', async () => {
  const { table } = shared.connection;
  await keep(table, `x\n${int64Max}\n${int64Max}\n${int64Max}\n`, `x\n1\n`);
  const past = (total: bigint) => `the total of "x" is ${total}, which is past int64`;
  expect(await sumOf(table, 'x')).toBe(past(3n * int64Max + 1n));
  await keep(table, `x\n${int64Min}\n${int64Min}\n`);
  expect(await sumOf(table, 'x')).toBe(int64Max - 1n);
  await keep(table, 'x\n1\n');
  expect(await sumOf(table, 'x')).toBe(int64Max);
  await keep(table, 'x\n1\n');
  expect(await sumOf(table, 'x')).toBe(past(int64Max + 1n));
  await keep(table, `x\n${int64Min}\n`, `x\n${int64Min}\n`);
  expect(await sumOf(table, 'x')).toBe(int64Min);
  await keep(table, 'x\n-1\n');
  expect(await sumOf(table, 'x')).toBe(past(int64Min - 1n));
});

test('sums are exact for any integers, nulls among them, in any number of chunks', async () => {
  const integer = fc.oneof(
    fc.bigInt({ min: int64Min, max: int64Max }),
    fc.bigInt({ min: -(2n ** 53n) - 2n, max: 2n ** 53n + 2n }),
    fc.bigInt({ min: -9n, max: 9n }),
  );
  const chunk = fc.array(fc.option(integer), { maxLength: 40 });
  const { table } = shared.connection;
  let columns = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { minLength: 1, maxLength: 5 }), async (chunks) => {
      const column = `c${++columns}`;
      for (const values of chunks) await keep(table, `${[column, ...values].join('\n')}\n`);
      const total = chunks.flat().reduce((sum: bigint, value) => sum + (value ?? 0n), 0n);
      const inRange = BigInt.asIntN(64, total) === total;
      const sentence = `the total of "${column}" is ${total}, which is past int64`;
      expect(await sumOf(table, column)).toBe(inRange ? total : sentence);
    }),
    { numRuns: 40 },
  );
});

test('sums are exact for a chunk of many rows and more than one batch, with nulls at both ends', async () => {
  const { table } = shared.connection;
  const rows = 200_001;
  const value = (i: number) => (i % 7 === 0 ? null : BigInt(i - 100_000) * 92_233_720_368n);
  const values = Array.from({ length: rows }, (_, i) => value(i));
  const lines = values.map((value, i) => `${i},${value ?? ''}`);
  await keep(table, `i,large\n${lines.join('\n')}\n`);
  expect(await sumOf(table, 'i')).toBe((BigInt(rows) * BigInt(rows - 1)) / 2n);
  expect(await sumOf(table, 'large')).toBe(
    values.reduce((sum: bigint, value) => sum + (value ?? 0n), 0n),
  );
});

test('sums are exact for a column chunk larger than what is read of it at once', () =>
  withServer({ args: ['--row-group-rows-max', '1000000'] }, async (_server, { table }) => {
    const value = (i: number) => BigInt.asIntN(62, BigInt(i) * 0x9e37_79b9_7f4a_7c15n);
    const values = Array.from({ length: 500_000 }, (_, i) => value(i));
    await keep(table, `x\n${values.join('\n')}\n`);
    const total = values.reduce((sum, value) => sum + value, 0n);
    const inRange = BigInt.asIntN(64, total) === total;
    expect(await sumOf(table, 'x')).toBe(
      inRange ? total : `the total of "x" is ${total}, which is past int64`,
    );
  }));

test('sums are exact for integers that are written without delta encoding', () =>
  withServer({ args: ['--chunk-columns-max', '1100'] }, async (_server, { table }) => {
    const names = Array.from({ length: 1100 }, (_, i) => `c${i}`);
    const row = (factor: bigint) => names.map((_, i) => BigInt(i) * factor).join();
    const nulls = ','.repeat(names.length - 1);
    await keep(table, `${names.join()}\n${row(-3n)}\n${nulls}\n${row(10n ** 12n)}\n`);
    for (const i of [999, 1000, 1099]) {
      expect(await sumOf(table, `c${i}`)).toBe(BigInt(i) * (10n ** 12n - 3n));
    }
  }));
