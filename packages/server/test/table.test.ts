import type { TableClient } from '@tally/stubs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LaunchedServer, launchServer } from '../dist/launch.js';
import { type Connection, connect, withServer } from './server.js';
import { keep, sumIn, sumOf, upload } from './table-calls.js';
import { listTableFiles, readDeltaTable } from './table-files.js';

test("the assignment's example: 10, 9 and 0, in both formats", async () => {
  await withServer({}, async (_server, { table }) => {
    await keep(table, 'x,y,z\n1,2,3\n4,5,6\n', 'x,y\n5,10\n0,20\n');
    expect(await sumOf(table, 'x')).toBe(10n);
    expect(await sumOf(table, 'z')).toBe(9n);
    expect(await sumOf(table, 'w')).toBe(0n);
    expect(await sumOf(table, 'y')).toBe(37n);
  });
});

test('a column that holds a number first and a word later holds up no other column', async () => {
  await withServer({}, async (_server, { table }) => {
    await keep(table, 'x,note\n1,2024\n', 'x,note\n2,hello\n');
    expect(await sumOf(table, 'x')).toBe(3n);
    expect(await sumOf(table, 'note')).toBe(
      'column "note" cannot be summed: in chunk 2, line 2: "hello" is not an integer within int64',
    );
  });
});

describe('one server, one input after the other', () => {
  let server: LaunchedServer;
  let connection: Connection;
  let table: TableClient;
  let goodUploads = 0;

  beforeAll(async () => {
    server = await launchServer();
    connection = connect(server);
    table = connection.table;
  });
  afterAll(async () => {
    connection.close();
    await server.stop();
  });

  /** The next good upload and the next sum work. */
  async function expectWorking(): Promise<void> {
    await keep(table, `good\n${++goodUploads}\n`);
    expect(await sumOf(table, 'good')).toBe(BigInt((goodUploads * (goodUploads + 1)) / 2));
  }

  describe('is kept', () => {
    test.each([
      { name: 'a header only', csv: 'h1,h2\n', sums: { h1: 0n, h2: 0n } },
      { name: 'a header without a line end', csv: 'h3,h4', sums: { h3: 0n, h4: 0n } },
      { name: 'no final newline', csv: 'n1,n2\n1,2\n3,4', sums: { n1: 4n, n2: 6n } },
      { name: 'CRLF', csv: 'c1,c2\r\n1,2\r\n3,4\r\n', sums: { c1: 4n, c2: 6n } },
      { name: 'CR', csv: 'm1,m2\r1,2\r3,4\r', sums: { m1: 4n, m2: 6n } },
      { name: 'a byte order mark', csv: '\ufeffb1,b2\n1,2\n', sums: { b1: 1n, b2: 2n } },
      { name: 'blank lines before the header', csv: '\n\r\ne1\n1\n', sums: { e1: 1n } },
      {
        name: 'blank lines between rows',
        csv: 'd1,d2\n\n1,2\n\n\n3,4\n\n',
        sums: { d1: 4n, d2: 6n },
      },
      {
        name: 'quoted fields with commas, quotes and newlines',
        csv: '"q,1","q\n""2"""\n"7","a, ""b""\r\nc"\n8,"\n"\n',
        sums: { 'q,1': 15n },
      },
      { name: 'quoted numbers', csv: 'r1,r2\n"1"," 2 "\n"+3",-4\n', sums: { r1: 4n, r2: -2n } },
      { name: 'nulls', csv: 's1,s2\n,1\n2,\n,\n', sums: { s1: 2n, s2: 1n } },
      { name: 'columns without any value', csv: 't1,t2\n,1\n,2\n', sums: { t1: 0n, t2: 3n } },
      { name: 'no value at all', csv: 'u1,u2\n,\n,\n', sums: { u1: 0n, u2: 0n } },
    ])('$name', async ({ csv, sums }) => {
      await keep(table, csv);
      for (const [column, sum] of Object.entries(sums))
        expect(await sumOf(table, column)).toBe(sum);
      // Once more: what was new to the table is known now.
      await keep(table, csv);
      for (const [column, sum] of Object.entries(sums)) {
        expect(await sumOf(table, column)).toBe(sum * 2n);
      }
    });
  });

  const isEmpty = 'the file is empty: a CSV file begins with a header line';

  describe('is refused with a sentence, and nothing of it is kept', () => {
    test.each([
      { name: 'an empty file', csv: '', error: `line 1: ${isEmpty}` },
      { name: 'a byte order mark alone', csv: '\ufeff', error: `line 1: ${isEmpty}` },
      { name: 'blank lines alone', csv: '\n\r\n\n', error: `line 1: ${isEmpty}` },
      {
        name: 'a short row',
        csv: 'x,y,z\n1,2,3\n4,5\n',
        error: 'line 3: the row has 2 fields, but the header has 3: each row needs as many',
      },
      {
        name: 'a row of one field',
        csv: 'x,y\n"a\nb",1\n2\n',
        error: 'line 4: the row has 1 field, but the header has 2: each row needs as many',
      },
      {
        name: 'a long row',
        csv: 'x,y\n1,2\n\n3,4,5\n',
        error:
          'line 4: the row has more than 2 fields, but the header has 2: each row needs as many',
      },
      {
        name: 'a comma after the last field',
        csv: 'x\n1,\n',
        error:
          'line 2: the row has more than 1 fields, but the header has 1: each row needs as many',
      },
      {
        name: 'a short last row without a line end',
        csv: 'x,y\n1,2\n3',
        error: 'line 3: the row has 1 field, but the header has 2: each row needs as many',
      },
      {
        name: 'a column name twice',
        csv: 'x,y,x\n1,2,3\n',
        error:
          'line 1: the header has the column "x" twice (fields 1 and 3): each name may stand once',
      },
      {
        name: 'a column name twice, written in two ways, on a later line',
        csv: '\n\na,b,"a"\n1,2,3\n',
        error:
          'line 3: the header has the column "a" twice (fields 1 and 3): each name may stand once',
      },
      {
        name: 'invalid UTF-8',
        csv: Buffer.from('x,y\n1,a\n2,b\xff\n', 'latin1'),
        error: 'line 3: column "y": the field is not valid UTF-8',
      },
      {
        name: 'invalid UTF-8 in the header',
        csv: Buffer.from('x,\xe2\x82\n1,2\n', 'latin1'),
        error: 'line 1, field 2: the field is not valid UTF-8',
      },
      {
        name: 'a quote that is not closed',
        csv: 'x,y\n1,2\n3,"4\n5,6\n',
        error: 'line 3: column "y": the quote that opens here is not closed',
      },
      {
        name: 'text after a closing quote',
        csv: 'x,y\n"1"0,2\n',
        error:
          'line 2: column "x": text follows the closing quote; a quote within quotes is written ""',
      },
      {
        name: 'a fault after many good rows',
        csv: `x,y\n${'1,2\n'.repeat(50_000)}3\n`,
        error: 'line 50002: the row has 1 field, but the header has 2: each row needs as many',
      },
    ])('$name', async ({ csv, error }) => {
      const before = await listTableFiles(server.dataDir);
      expect(await upload(table, csv)).toBe(error);
      expect(await listTableFiles(server.dataDir)).toEqual(before);
      expect(before.spool).toEqual([]);
      await expectWorking();
    });
  });

  describe('has no sum, but a sentence', () => {
    beforeAll(async () => {
      await keep(
        table,
        'p1,p2,p3\n1,1,1\n2,9223372036854775808,seven\n3,3,3\n',
        `v1\n${'word '.repeat(30)}\n`,
        `v2\n${'né'.repeat(30)}\n`,
        'v3\n"two\nlines ""quoted"""\n',
      );
    });

    const where = async (column: string) => {
      const { chunks } = await readDeltaTable(server.dataDir);
      return `in chunk ${chunks.findIndex(({ fields }) => fields.has(column)) + 1}`;
    };

    test.each([
      { name: 'text', column: 'p3', fault: 'line 3: "seven"' },
      { name: 'a number past int64', column: 'p2', fault: 'line 3: "9223372036854775808"' },
      { name: 'a long text', column: 'v1', fault: `line 2: "${'word '.repeat(8)}…"` },
      {
        name: 'a long text, cut between characters',
        column: 'v2',
        fault: `line 2: "${'né'.repeat(13)}n…"`,
      },
      { name: 'a text of two lines', column: 'v3', fault: 'line 2: "two\\nlines \\"quoted\\""' },
    ])('$name', async ({ column, fault }) => {
      expect(await sumOf(table, column)).toBe(
        `column "${column}" cannot be summed: ${await where(column)}, ${fault} ` +
          'is not an integer within int64',
      );
      expect(await sumOf(table, 'p1')).toBe(6n);
      await expectWorking();
    });

    test.each(['xml', 'CSV', 'Parquet', ' csv', '', 'constructor', 'a "quoted" one'])(
      'the unknown format %j',
      async (format) => {
        expect(await sumIn(table, 'p1', format)).toBe(
          `the format ${JSON.stringify(format)} is unknown: csv or parquet is allowed`,
        );
        await expectWorking();
      },
    );

    test('an empty column name', async () => {
      expect(await sumOf(table, '')).toBe('the column name is empty: name the column to sum');
      await expectWorking();
    });
  });
});
