import { createHash } from 'node:crypto';
import { open, readFile, rm, truncate } from 'node:fs/promises';
import type { TableClient } from '@tally/stubs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LaunchedServer, launchServer } from '../dist/launch.js';
import { type Connection, connect } from './server.js';
import { keep, sumIn, sumOf } from './table-calls.js';
import { readDeltaTable, readFooter } from './table-files.js';

/** Where the bytes of a column lie in a Parquet file: one range in each row group. */
interface ColumnRange {
  readonly field: string;
  readonly start: number;
  readonly length: number;
}

async function columnRanges(file: string): Promise<ColumnRange[]> {
  const { row_groups } = await readFooter(file);
  return row_groups.flatMap(({ columns }) =>
    columns.map(({ meta_data }) => {
      if (meta_data === undefined) throw new Error('a column chunk has no metadata');
      const { path_in_schema, dictionary_page_offset, data_page_offset } = meta_data;
      return {
        field: path_in_schema.join('.'),
        start: Number(dictionary_page_offset ?? data_page_offset),
        length: Number(meta_data.total_compressed_size),
      };
    }),
  );
}

/** Bytes that look random, the same for the same seed. */
const noise = (seed: string, length: number) =>
  createHash('shake256', { outputLength: length }).update(seed).digest();

async function overwrite(file: string, ranges: readonly ColumnRange[], seed: string) {
  const handle = await open(file, 'r+');
  for (const { start, length } of ranges) {
    await handle.write(noise(`${seed} ${start}`, length), 0, length, start);
  }
  await handle.close();
}

const sumOfLengths = (ranges: readonly ColumnRange[]) =>
  ranges.reduce((sum, { length }) => sum + length, 0);

const rows = 20_000;
const small = (row: number) => (row * 7919) % 1009;
const smallSum = Array.from({ length: rows }, (_, row) => small(row)).reduce((a, b) => a + b);

/** One small integer column between columns of large texts that do not compress. */
const largeCsv = `before,small,after,between\n${Array.from({ length: rows }, (_, row) => {
  const text = noise(String(row), 150).toString('base64');
  return `${text},${small(row)},${text.slice(100)},${row}x${text}\n`;
}).join('')}`;

let server: LaunchedServer;
let connection: Connection;
let table: TableClient;

/** The only Parquet file of the table. */
let file: string;

beforeAll(async () => {
  // Several row groups, so that there are ranges to find in the middle of the file.
  const args = ['--services', 'tables', '--row-group-rows-max', '6000', '--sum-cache-entries', '0'];
  server = await launchServer({ args });
  connection = connect(server);
  table = connection.table;
  await keep(table, largeCsv);
  file = (await readDeltaTable(server.dataDir)).chunks[0]?.parquetPath ?? '';
  expect(await sumOf(table, 'small')).toBe(BigInt(smallSum));
});
afterAll(async () => {
  connection.close();
  await server.stop();
});

describe.skipIf(process.platform !== 'linux')('counts of the bytes that the server reads', () => {
  /** All that the server's threads have read so far: files, sockets, pipes. */
  async function bytesRead(): Promise<number> {
    const io = await readFile(`/proc/${server.process.pid}/io`, 'utf8');
    return Number(/^rchar: ([0-9]+)$/m.exec(io)?.[1]);
  }

  /** What one sum reads: the least of several, without what the server reads besides. */
  async function bytesOfSum(format: string): Promise<number> {
    const counts: number[] = [];
    for (let i = 0; i < 5; i++) {
      const before = await bytesRead();
      expect(await sumIn(table, 'small', format)).toBe(BigInt(smallSum));
      counts.push((await bytesRead()) - before);
    }
    return Math.min(...counts);
  }

  test('a CSV sum reads the whole file, so the counter counts', async () => {
    const bytes = await bytesOfSum('csv');
    expect(bytes).toBeGreaterThanOrEqual(largeCsv.length);
    expect(bytes).toBeLessThan(largeCsv.length * 1.1);
  });

  test('a Parquet sum reads its own column, and no other, and no footer', async () => {
    const ranges = await columnRanges(file);
    const own = sumOfLengths(ranges.filter(({ field }) => field === 'small'));
    const others = sumOfLengths(ranges.filter(({ field }) => field !== 'small'));
    expect(others).toBeGreaterThan(100 * own);
    const bytes = await bytesOfSum('parquet');
    expect(bytes).toBeGreaterThanOrEqual(own);
    // The call itself takes some too, and the threads wake each other through pipes.
    expect(bytes).toBeLessThanOrEqual(own + 1024);
  });
});

describe('with noise in place of other columns', () => {
  const cleanRows = 5000;
  const clean = (row: number) => row * row;
  const cleanSum = BigInt((cleanRows * (cleanRows - 1) * (2 * cleanRows - 1)) / 6);

  /** Uploads a chunk of its own with a clean column, and columns to be overwritten. */
  async function uploadChunk(name: string) {
    const lines = Array.from(
      { length: cleanRows },
      (_, row) => `${row},${clean(row)},${row % 3 === 0 ? '' : row},text ${row},${row}.5\n`,
    );
    const columns = ['first', 'clean', 'nulls', 'text', 'double'].map((c) => `${name}-${c}`);
    await keep(table, `${columns.join(',')}\n${lines.join('')}`);
    const parquetPath = (await readDeltaTable(server.dataDir)).chunks.at(-1)?.parquetPath ?? '';
    return { parquetPath, ranges: await columnRanges(parquetPath) };
  }

  /** A sum over noise has no total, but it ends. */
  async function expectRefused(column: string): Promise<void> {
    const answer = await sumIn(table, column, 'parquet').catch((error: Error) => error.message);
    expect(answer).toMatch(/^column .* cannot be summed: in chunk | INTERNAL: /);
  }

  test.each(['one', 'two', 'three'])('a sum is still right: noise %s', async (seed) => {
    const { parquetPath, ranges } = await uploadChunk(seed);
    const others = ranges.filter(({ field }) => field !== `${seed}-clean`);
    expect(new Set(others.map(({ field }) => field)).size).toBe(4);
    await overwrite(parquetPath, others, seed);
    expect(await sumOf(table, `${seed}-clean`)).toBe(cleanSum);
    expect(await sumIn(table, `${seed}-first`, 'csv')).toBe(
      BigInt((cleanRows * (cleanRows - 1)) / 2),
    );
  });

  test('a sum over noise is refused, and every other call is answered meanwhile', async () => {
    const { parquetPath, ranges } = await uploadChunk('noised');
    const others = ranges.filter(({ field }) => field !== 'noised-clean');
    const chunks = 3;
    for (let i = 0; i < chunks; i++) await keep(table, `good\n${i}\n`);

    // More of each than there are threads, so that each thread meets noise at some time.
    for (let round = 0; round < 2; round++) {
      await overwrite(parquetPath, others, `round ${round}`);
      await Promise.all([
        ...Array.from({ length: 10 }, async (_, i) => {
          await expectRefused(i % 2 === 0 ? 'noised-first' : 'noised-nulls');
        }),
        ...Array.from({ length: 10 }, async () => {
          expect(await sumOf(table, 'noised-clean')).toBe(cleanSum);
        }),
        ...Array.from({ length: 4 }, () => keep(table, `during\n${round}\n`)),
      ]);
    }
    expect(await sumOf(table, 'good')).toBe(BigInt((chunks * (chunks - 1)) / 2));
    expect(await sumOf(table, 'during')).toBe(4n);
    expect(await sumOf(table, 'small')).toBe(BigInt(smallSum));
  });
});

describe('of a file that is damaged as a whole', () => {
  const damages = [
    {
      name: 'cut off in a page',
      damage: (file: string) => truncate(file, 12),
      fault: /^its Parquet file is damaged: it ends too early$/,
    },
    {
      name: 'empty',
      damage: (file: string) => truncate(file, 0),
      fault: /^its Parquet file is damaged: ./,
    },
    {
      name: 'missing',
      damage: (file: string) => rm(file),
      fault: /^its Parquet file cannot be read \(ENOENT\)$/,
    },
  ];

  test.each(damages)('the chunk is named, and the rest is fine: $name', async (example) => {
    const { name, damage, fault } = example;
    await keep(table, `${name}\n1\n`, `${name}\n2\n`, `${name}\n3\n`, `other than ${name}\n4\n`);
    const { chunks } = await readDeltaTable(server.dataDir);
    const number = chunks.length - 2;
    await damage(chunks[number - 1]?.parquetPath ?? '');
    const sentence = String(await sumIn(table, name, 'parquet'));
    const start = `column "${name}" cannot be summed: in chunk ${number}, `;
    expect(sentence.slice(0, start.length)).toBe(start);
    expect(sentence.slice(start.length)).toMatch(fault);
    // Not where the server keeps its files.
    expect(sentence).not.toContain(server.dataDir);
    expect(await sumIn(table, name, 'csv')).toBe(6n);
    expect(await sumOf(table, `other than ${name}`)).toBe(4n);
  });
});
