import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UploadReq } from '@tally/stubs';
import { Status } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import { sharedServer, withFolder, withProcess, withServer } from './server.js';
import { keep, piecesOf, sumOf, upload } from './table-calls.js';

const MiB = 1024 * 1024;

/** A chunk with `columns` columns of integers, of which the last holds a 7. */
function wideCsv(columns: number): string {
  const names = Array.from({ length: columns - 1 }, (_, i) => `c${i}`);
  return `${[...names, 'last'].join(',')}\n${'1,'.repeat(columns - 1)}7\n`;
}

interface Edge {
  readonly name: string;
  /** Just within the limit. */
  readonly fits: string;
  /** One past it. */
  readonly over: string;
  readonly error: string;
  readonly column: string;
  readonly sum: bigint;
}

const field = (length: number) => 'f'.repeat(length);

/** The limits on what is in a file, as they are by default and as they can be set. */
function edges(limits: { columns: number; nameBytes: number; fieldBytes: number }): Edge[] {
  const { columns, nameBytes, fieldBytes } = limits;
  const tooLong = `the field is longer than ${fieldBytes} bytes (--field-bytes-max)`;
  const tooLongName =
    `the column name has ${nameBytes + 1} bytes: at most ${nameBytes} are allowed ` +
    '(--column-name-bytes-max)';
  const name = 'n'.repeat(nameBytes);
  const wideName = `${'é'.repeat(nameBytes / 2 - 1)}ab`;
  const quotes = '""'.repeat(fieldBytes / 2);
  return [
    {
      name: 'columns',
      fits: wideCsv(columns),
      over: wideCsv(columns + 1),
      error: `line 1: the header has more than ${columns} columns (--chunk-columns-max)`,
      column: 'last',
      sum: 7n,
    },
    {
      name: 'the length of a column name',
      fits: `a,${name}\n1,2\n`,
      over: `a,${name}n\n1,2\n`,
      error: `line 1, field 2: ${tooLongName}`,
      column: name,
      sum: 2n,
    },
    {
      name: 'the length of a column name, in bytes and not in characters',
      fits: `${wideName},a\n1,2\n`,
      over: `${wideName}b,a\n1,2\n`,
      error: `line 1, field 1: ${tooLongName}`,
      column: wideName,
      sum: 1n,
    },
    {
      name: 'the length of a field',
      fits: `x,long\n1,${field(fieldBytes)}\n`,
      over: `x,long\n1,${field(fieldBytes)}!\n`,
      error: `line 2: column "long": ${tooLong}`,
      column: 'x',
      sum: 1n,
    },
    {
      name: 'the length of a quoted field, without its quotes',
      fits: `quoted,y\n"${field(fieldBytes)}",1\n"",2`,
      over: `quoted,y\n"",1\n"${field(fieldBytes)}!",2`,
      error: `line 3: column "quoted": ${tooLong}`,
      column: 'y',
      sum: 3n,
    },
    {
      name: 'the length of a field of quotes, as they are written',
      fits: `quotes,z\n"${quotes}",1\n`,
      over: `quotes,z\n"${quotes}""",1\n`,
      error: `line 2: column "quotes": ${tooLong}`,
      column: 'z',
      sum: 1n,
    },
    {
      name: 'the length of a field of digits',
      fits: `digits\n${'0'.repeat(fieldBytes - 1)}5\n`,
      over: `digits\n${'0'.repeat(fieldBytes)}5\n`,
      error: `line 2: column "digits": ${tooLong}`,
      column: 'digits',
      sum: 5n,
    },
  ];
}

describe.each([
  { which: 'by default', args: [], limits: { columns: 500, nameBytes: 1024, fieldBytes: MiB } },
  {
    which: 'as it is set',
    args: [
      ...['--chunk-columns-max', '3', '--column-name-bytes-max', '20'],
      ...['--field-bytes-max', '1024'],
    ],
    limits: { columns: 3, nameBytes: 20, fieldBytes: 1024 },
  },
])('a limit holds at its edge, and one past it there is a sentence: $which', ({ args, limits }) => {
  const shared = sharedServer({ args });

  test.each(edges(limits))('$name', async ({ fits, over, error, column, sum }) => {
    const { table } = shared.connection;
    expect(await upload(table, over)).toBe(error);
    expect(await sumOf(table, column)).toBe(0n);
    await keep(table, fits);
    expect(await sumOf(table, column)).toBe(sum);
  });
});

test('a message of the largest size is taken, and one of a byte more is refused', async () => {
  const messageBytesMax = 65_536;
  const args = ['--message-bytes-max', String(messageBytesMax)];
  await withServer({ args }, async (_server, { table }) => {
    const csv = (length: number) => Buffer.from(`x\n${'1\n'.repeat(length)}`.slice(0, length));
    const around = UploadReq.encode({ csvData: csv(60_000) }).finish().length - 60_000;
    await keep(table, csv(messageBytesMax - around));
    const sum = await sumOf(table, 'x');
    expect(sum).toBe(BigInt(messageBytesMax - around - 2) / 2n);
    await expect(upload(table, csv(messageBytesMax - around + 1))).rejects.toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details:
        `the request has ${messageBytesMax + 1} bytes: at most ${messageBytesMax} are allowed ` +
        '(--message-bytes-max of the server); /tally.v1.TableService/Upload takes files of any size',
    });
    expect(await sumOf(table, 'x')).toBe(sum);
    await keep(table, 'x\n1\n');
  });
});

test.skipIf(process.platform !== 'linux')(
  'no more table files are open at once than allowed, and calls past that wait',
  () =>
    withFolder(async (folder) => {
      const dataDir = path.join(folder, 'data');
      const counts = path.join(folder, 'counts');
      const preload = new URL('./count-open-files.mjs', import.meta.url).href;
      const env = {
        NODE_OPTIONS: `--import ${preload}`,
        COUNTED_FOLDER: dataDir,
        COUNTS_FILE: counts,
      };
      const args = ['--open-files-max', '16', '--streams-max', '20', '--services', 'tables'];
      await withProcess({ dataDir, args, env }, async (_server, { table, streamed }) => {
        const csv = `x,note\n${'1,word\n'.repeat(5000)}`;
        await Promise.all([
          ...Array.from({ length: 20 }, () => keep(table, csv)),
          ...Array.from({ length: 20 }, () => sumOf(table, 'x')),
          ...Array.from({ length: 20 }, () => streamed.upload(piecesOf(csv, 1000))),
        ]);
        expect(await sumOf(table, 'x')).toBe(200_000n);
      });
      const open = (await readFile(counts, 'utf8')).trimEnd().split('\n').map(Number);
      // Two files of each of 40 chunks, and 20 sums at least: all were counted.
      expect(open.length).toBeGreaterThan(100);
      expect(Math.max(...open)).toBeGreaterThan(2);
      expect(Math.max(...open)).toBeLessThanOrEqual(16);
    }),
);

test('the names of all columns of a table are bounded, and those that are there can be used', async () => {
  await withServer({ args: ['--chunk-columns-max', '3000'] }, async (_, { table }) => {
    const file = (prefix: string) => {
      const names = Array.from({ length: 3000 }, (_, i) => `${prefix}${i}`.padEnd(1000, '_'));
      return `${names.join()}\n${'1,'.repeat(2999)}1\n`;
    };
    await keep(table, file('a'));
    expect(await upload(table, file('b'))).toBe(
      'line 1: the table would have 6000 columns, and has 3000: their names may take 4194304 bytes ' +
        'together, each with 100 more',
    );
    await keep(table, file('a'));
    expect(await sumOf(table, 'a7'.padEnd(1000, '_'))).toBe(2n);
  });
});
