import { rowsPerChunk } from '../chunk.js';
import type { Recipe, RowContext, Schema } from './data-set.js';

const int64 = { type: 'int64' } as const;
const int32 = { type: 'int64', fitsInt32: true } as const;

/** A signed whole number of so many bits, every one as likely. */
const signed = ({ random }: RowContext, bits: number) => random(2 ** bits) - 2 ** (bits - 1);

// Most requests of a web server succeed.
const statuses = [200, 200, 200, 200, 200, 200, 200, 304, 301, 404, 500, 503];
const cities = ['Oslo', 'São Paulo', '"Washington, D.C."', 'New York', 'Zürich', 'Osaka'];
const columnsOfWide = Array.from({ length: 100 }, (_, i) => `c${i}`);

/** The generated data sets; with `quick`, a few chunks of each. */
export function recipes(quick: boolean): readonly Recipe[] {
  return all.map((recipe) => ({
    ...recipe,
    chunks: quick ? Math.ceil(recipe.chunks / 20) : recipe.chunks,
  }));
}

const all: readonly Recipe[] = [
  {
    // The large table of the assignment: x is 1, y is random, z counts through 1,000 values.
    name: 'chunks',
    title: 'the 400-chunk table',
    schema: { x: int32, y: int32, z: int32 },
    chunks: 400,
    rowsPerChunk,
    summed: ['y', 'z', 'x'],
    row: ({ chunk, row, random, add }) => {
      const [y, z] = [add(0, random(rowsPerChunk)), add(1, chunk * 1000 + (row % 1000))];
      return `${add(2, 1)},${y},${z}`;
    },
  },
  {
    name: 'integers',
    title: 'random integers',
    schema: { w32: int32, w8: int32, w16: int32, w48: int64 },
    chunks: 40,
    rowsPerChunk,
    summed: ['w32', 'w8', 'w16', 'w48'],
    row: (context) =>
      [32, 8, 16, 48].map((bits, i) => context.add(i, signed(context, bits))).join(','),
  },
  {
    // Milliseconds: the sum of more than 21 such chunks would be past int64.
    name: 'timestamps',
    title: 'timestamps',
    schema: { ms: int64, user: int32 },
    chunks: 20,
    rowsPerChunk,
    summed: ['ms'],
    row: ({ chunk, row, random, add }) => {
      const ms = 1_700_000_000_000 + (chunk * rowsPerChunk + row) * 40 + random(100);
      return `${add(0, ms)},${random(100_000)}`;
    },
  },
  {
    name: 'low-cardinality',
    title: 'low cardinality',
    schema: { status: int32, account: int64 },
    chunks: 40,
    rowsPerChunk,
    summed: ['status', 'account'],
    row: ({ random, add }) => {
      const status = statuses[random(statuses.length)] ?? 200;
      return `${add(0, status)},${add(1, 900_000_000_000 + random(100) * 7_919)}`;
    },
  },
  {
    name: 'nulls',
    title: '30 % nulls',
    schema: { id: int32, v: int32 },
    chunks: 40,
    rowsPerChunk,
    summed: ['v'],
    row: ({ row, random, add }) =>
      random(10) < 3 ? `${row},` : `${row},${add(0, random(1_000_000))}`,
  },
  {
    // Chunks of 50,000 rows, because a message of 250,000 would be past 64 MiB.
    name: 'wide',
    title: '100 columns',
    schema: Object.fromEntries(columnsOfWide.map((name) => [name, int32])) as Schema,
    chunks: 20,
    rowsPerChunk: 50_000,
    summed: ['c50'],
    row: ({ random, add }) =>
      columnsOfWide.map((_, i) => (i === 50 ? add(0, random(100_000)) : random(100_000))).join(','),
  },
  {
    name: 'mixed',
    title: 'strings and doubles beside it',
    schema: {
      city: { type: 'string' },
      price: { type: 'double' },
      quantity: int32,
      note: { type: 'string' },
    },
    chunks: 20,
    rowsPerChunk,
    summed: ['quantity'],
    row: ({ random, add }) => {
      const city = cities[random(cities.length)];
      const price = (random(1_000_000) / 100).toFixed(2);
      return `${city},${price},${add(0, random(10_000))},order ${random(2 ** 40).toString(36)}`;
    },
  },
];
