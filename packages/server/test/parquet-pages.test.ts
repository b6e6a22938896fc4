import { expect, test } from 'vitest';
import { sharedServer } from './server.js';
import { keep } from './table-calls.js';
import { readDeltaTable, readFooter, readWithDuckDb, readWithHyparquet } from './table-files.js';

// The pages that Tally encodes itself, read by others.

const shared = sharedServer();

type Column = readonly (bigint | null)[];

/** Keeps columns of integers, which DuckDB and hyparquet must read as they are. */
async function checkReaders(columns: ReadonlyMap<string, Column>): Promise<void> {
  const rows = [...columns.values()][0]?.length ?? 0;
  const lines = Array.from({ length: rows }, (_, row) =>
    [...columns.values()].map((column) => column[row] ?? '').join(),
  );
  await keep(shared.connection.table, `${[...columns.keys()].join()}\n${lines.join('\n')}\n`);
  const { chunks } = await readDeltaTable(shared.server.dataDir);
  const file = chunks.at(-1)?.parquetPath ?? '';
  expect(await readWithDuckDb(file)).toEqual(columns);
  expect(await readWithHyparquet(file)).toEqual(columns);
  for (const { columns: written } of (await readFooter(file)).row_groups) {
    for (const { meta_data } of written) {
      const values = (columns.get(meta_data?.path_in_schema[0] ?? '') ?? []).filter(
        (value) => value !== null,
      );
      const sorted = values.toSorted((a, b) => (a < b ? -1 : 1));
      expect(meta_data?.statistics).toMatchObject({
        null_count: BigInt(rows - values.length),
        min_value: sorted[0],
        max_value: sorted.at(-1),
      });
    }
  }
}

test('deltas of every width, with nulls in each pattern', async () => {
  const columns = new Map<string, Column>();
  for (let width = 1; width <= 64; width++) {
    const top = BigInt.asIntN(64, 1n << BigInt(width - 1));
    const values = Array.from({ length: 1300 }, (_, row) =>
      (row >> (width % 8)) % 4 === 1 ? null : (row * row) % 3 === 0 ? top : BigInt(row % 2),
    );
    columns.set(`w${width}`, values);
  }
  await checkReaders(columns);
});

test('several pages, the last of one row', async () => {
  const int64 = [2n ** 63n - 1n, -(2n ** 63n), 0n, -1n];
  const column = (of: (row: number) => bigint | null) =>
    Array.from({ length: 2 * 32_768 + 1 }, (_, row) => of(row));
  await checkReaders(
    new Map<string, Column>([
      ['steps', column((row) => BigInt(row * 3))],
      ['extremes', column((row) => int64[((row * row) % 7) % 4] ?? 0n)],
      ['one_page_of_nulls', column((row) => (row >> 15 === 1 ? null : BigInt(row)))],
      ['one_value', column((row) => (row === 40_000 ? 7n : null))],
      ['some_nulls', column((row) => (row % 5 === 2 ? null : BigInt((row * 7919) % 1009)))],
    ]),
  );
});
