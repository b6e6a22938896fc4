import { expect, test } from 'vitest';
import { sharedServer } from './server.js';
import { keep, sumOf } from './table-calls.js';
import {
  type Columns,
  readDeltaTable,
  readWithDuckDb,
  readWithHyparquet,
  type Value,
} from './table-files.js';

// The server takes a column's type from the file's first 256 KiB, until a later row contradicts.

/** What rows may have in a column, and how it is read if the whole column has that type. */
interface Kind {
  readonly type: string;
  readonly texts: readonly string[];
  readonly read: (text: string) => Value;
}

const kinds: readonly Kind[] = [
  { type: 'null', texts: [''], read: () => null },
  { type: 'long', texts: ['1', '-20', '', '+0300'], read: BigInt },
  { type: 'double', texts: ['1.5', '', '-25e-2'], read: Number },
  { type: 'boolean', texts: ['true', 'FALSE', ''], read: (text) => text === 'true' },
  { type: 'date', texts: ['2024-02-29', '', '1969-12-31'], read: (text) => text },
  {
    type: 'timestamp',
    texts: ['2024-02-29T12:00:00.5Z', '', '1969-12-31T23:59:59Z'],
    read: (text) => BigInt(Date.parse(text)) * 1000n,
  },
  { type: 'string', texts: ['text', '', 'é'], read: (text) => text },
];

/** The kind of a column that has values of both. */
function kindOfBoth(a: Kind, b: Kind): Kind {
  const find = (type: string) => kinds.find((kind) => kind.type === type) as Kind;
  if (a === b || b.type === 'null') return a;
  if (a.type === 'null') return b;
  const areNumbers = [a, b].every(({ type }) => type === 'long' || type === 'double');
  return find(areNumbers ? 'double' : 'string');
}

const firstRows = 80;
const laterRows = 20;

/** Texts of a kind in as many rows. */
const column = ({ texts }: Kind, rows: number) =>
  Array.from({ length: rows }, (_, row) => texts[row % texts.length] ?? '');

/** A file of a column among others, of which the last makes each row 4 KiB long. */
const csvOf = (name: string, texts: readonly string[]) =>
  `row,${name},filler\n${texts.map((text, row) => `${row},${text},${'f'.repeat(4096)}\n`).join('')}`;

const pairs = kinds.flatMap((first) => kinds.map((later) => ({ first, later })));
const titled = pairs.map((pair) => ({
  ...pair,
  title: `${pair.first.type} and later ${pair.later.type}`,
}));

const shared = sharedServer();

/** Keeps a file whose column `name` has these texts; resolves to its field's type and values. */
async function uploaded(
  name: string,
  texts: readonly string[],
  read: (file: string) => Promise<Columns>,
) {
  await keep(shared.connection.table, csvOf(name, texts));
  const { chunks, fields } = await readDeltaTable(shared.server.dataDir);
  const chunk = chunks.at(-1);
  const columns = await read(chunk?.parquetPath ?? '');
  const field = chunk?.fields.get(name) ?? null;
  const values = field === null ? texts.map(() => null) : columns.get(field);
  expect(columns.get('row')).toEqual(texts.map((_, row) => BigInt(row)));
  expect(columns.get('filler')?.length).toBe(texts.length);
  return { type: fields.find((each) => each.name === field)?.type ?? 'null', values };
}

test.each(titled)('$title: the type is that of all values', async ({ first, later, title }) => {
  const [head, tail] = [column(first, firstRows), column(later, laterRows)];
  const { type, read } = kindOfBoth(first, later);
  const valuesOf = (texts: string[]) => texts.map((text) => (text === '' ? null : read(text)));
  const late = await uploaded(title, [...head, ...tail], readWithDuckDb);
  expect(late).toEqual({ type, values: [...valuesOf(head), ...valuesOf(tail)] });
  // The same rows with the later ones first: nothing contradicts their types.
  const early = await uploaded(`${title} (turned round)`, [...tail, ...head], readWithHyparquet);
  expect(early).toEqual({ type, values: [...valuesOf(tail), ...valuesOf(head)] });

  const total = await sumOf(shared.connection.table, title);
  if (type !== 'long' && type !== 'null') expect(total).toMatch(/cannot be summed/);
  else {
    const sum = late.values?.reduce((all: bigint, value) => all + BigInt(value ?? 0), 0n);
    expect(total).toBe(sum);
    expect(await sumOf(shared.connection.table, `${title} (turned round)`)).toBe(sum);
  }
});
