import { type ExpectedSum, markColumn, type TestChunk } from '../expected-table.js';
import type { Random } from '../random.js';

/** The texts of one column, row by row, and what they sum to. */
interface Column {
  readonly name: string;
  readonly texts: readonly string[];
  readonly sum: ExpectedSum;
}

const rowsMax = 200;
const markMax = 2 ** 48;

/** Makes the values of a column that are no integers, so that it cannot be summed. */
type TextOf = (random: Random) => string;

const otherColumns: Readonly<Record<string, TextOf>> = {
  note: (random) => `"line ${random(100)}, ""quoted"""`,
  ratio: (random) => `${random(1000)}.${random(1000)}`,
  day: (random) => `2026-01-${String(1 + random(28)).padStart(2, '0')}`,
  taken: (random) => `2026-02-03T04:05:${String(random(60)).padStart(2, '0')}`,
  flag: (random) => (random(2) === 0 ? 'true' : 'false'),
};

/** Makes the integers of a column; undefined: there is none in this row. */
const integerColumns: Readonly<Record<string, (random: Random) => number | undefined>> = {
  units: (random) => random(10),
  balance: (random) => random(2 ** 40) - 2 ** 39,
  sparse: (random) => (random(3) === 0 ? undefined : random(1000)),
  nothing: () => undefined,
};

/** One chunk in so many has texts in a column that others fill with integers. */
const mixedEvery = 50;
/** One chunk in so many has a column that no other one has. */
const newColumnEvery = 8;

/** A small chunk: its mark, and any of the other columns, in any order. */
export function smallChunk(random: Random, name: string): TestChunk {
  const rows = 1 + random(rowsMax);
  const columns = [marks(random, rows)];
  for (const [column, textOf] of Object.entries(otherColumns)) {
    if (random(3) === 0) columns.push(texts(column, rows, () => textOf(random)));
  }
  for (const [column, integerOf] of Object.entries(integerColumns)) {
    if (random(4) === 0) columns.push(integers(column, rows, () => integerOf(random)));
  }
  if (random(4) === 0) columns.push(mixed(random, rows));
  if (random(newColumnEvery) === 0) {
    columns.push(integers(`only in ${name}`, rows, () => random(1000)));
  }
  return chunkOf(name, shuffled(columns, random));
}

/** What early conversion needs, and one more MiB. */
const largeBytesMin = 9 * 2 ** 20;
const padBytes = 1000;

/** A chunk that is large enough to be converted while it still comes, with half of its rows short. */
export function largeChunk(random: Random, name: string): TestChunk {
  const rows = Math.ceil((2 * largeBytesMin) / padBytes);
  const pad = 'x'.repeat(padBytes);
  return chunkOf(name, [
    integers(`only in ${name}`, rows, () => random(1000)),
    marks(random, rows),
    texts('note', rows, (row) => (row % 2 === 0 ? pad : String(row))),
  ]);
}

/** A CSV file that must be refused. */
export function faultyCsv(random: Random): Buffer {
  const faults = [
    'a,a\n1,2\n',
    `${markColumn},b\n1,2\n3\n`,
    `${markColumn}\n"open\n`,
    `${markColumn}\n1\n2,3\n`,
    '',
  ];
  return Buffer.from(faults[random(faults.length)] ?? '');
}

function marks(random: Random, rows: number): Column {
  const mark = random(rows);
  return integers(markColumn, rows, (row) => (row === mark ? random(markMax) : 1 + random(9)));
}

function mixed(random: Random, rows: number): Column {
  if (random(mixedEvery) === 0) return texts('mixed', rows, () => 'some text');
  return integers('mixed', rows, () => random(100));
}

function integers(
  name: string,
  rows: number,
  integerOf: (row: number) => number | undefined,
): Column {
  const values = Array.from({ length: rows }, (_, row) => integerOf(row));
  const sum = values.reduce<bigint>((total, value) => total + BigInt(value ?? 0), 0n);
  return { name, texts: values.map((value) => String(value ?? '')), sum };
}

const texts = (name: string, rows: number, textOf: (row: number) => string): Column => ({
  name,
  texts: Array.from({ length: rows }, (_, row) => textOf(row)),
  sum: 'not integers',
});

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const left = [...items];
  return items.flatMap(() => left.splice(random(left.length), 1));
}

function chunkOf(name: string, columns: readonly Column[]): TestChunk {
  const rows = columns[0]?.texts.length ?? 0;
  const lines = [columns.map((column) => column.name).join(',')];
  for (let row = 0; row < rows; row++) lines.push(columns.map(({ texts }) => texts[row]).join(','));
  return {
    name,
    csv: Buffer.from(`${lines.join('\n')}\n`),
    sums: new Map(columns.map(({ name, sum }) => [name, sum])),
  };
}
