import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { Compression, type CsvOptions, type DeepPartial } from '@tally/stubs';
import { describe, expect, test } from 'vitest';
import { filesOf, keptCsv, uploadAs } from './csv-options.js';
import { sharedServer, withServer } from './server.js';
import { piecesOf, sumOf } from './table-calls.js';
import { listTableFiles, readWithHyparquet } from './table-files.js';

const gzip = { compression: Compression.COMPRESSION_GZIP };
const data = path.join(
  path.dirname(createRequire(import.meta.url).resolve('vega-datasets')),
  '../data',
);
const vegaFiles = (await readdir(data)).filter((name) => /\.[ct]sv$/.test(name));

const shared = sharedServer();
const streamed = () => shared.connection.streamed;

describe('a gzip file', () => {
  test('may have several members, wherever they are cut', async () => {
    const members = ['n,t\n', '', '1,"a\n', 'b"\n', '2,é\n'].map((text) => gzipSync(text));
    const reply = await uploadAs(streamed(), Buffer.concat(members), gzip);
    expect(reply).toMatchObject({ error: '', rows: 2n });
    expect(await keptCsv(shared.server, reply)).toBe('n,t\n1,"a\nb"\n2,é\n');
  });

  test('may have other marks, and bad rows, whose lines are those of the unpacked file', async () => {
    const sent = gzipSync(`n|t\n${'1|x\n'.repeat(100_000)}2\n`);
    const { error } = await uploadAs(streamed(), sent, { ...gzip, delimiter: '|' });
    expect(error).toBe(
      'line 100002: the row has 1 field, but the header has 2: each row needs as many',
    );
  });

  const whole = gzipSync(`n,t\n${Array.from({ length: 999 }, (_, i) => `${i},x\n`).join('')}`);
  const flipped = (at: number) => {
    const bytes = Buffer.from(whole);
    bytes[at < 0 ? bytes.length + at : at] = 0xff;
    return bytes;
  };
  const notWhole = 'the file is no whole gzip file (RFC 1952): ';
  const short = `${notWhole}unexpected end of file`;

  test.each([
    { what: 'empty', bytes: Buffer.alloc(0), error: short },
    { what: 'its first byte alone', bytes: whole.subarray(0, 1), error: short },
    { what: 'cut in its header', bytes: whole.subarray(0, 7), error: short },
    { what: 'cut in the middle', bytes: whole.subarray(0, 500), error: short },
    { what: 'cut at the end', bytes: whole.subarray(0, -1), error: short },
    {
      what: 'whole, and one that is cut',
      bytes: Buffer.concat([whole, whole.subarray(0, 20)]),
      error: short,
    },
    {
      what: 'a CSV file',
      bytes: Buffer.from('a,b\n1,2\n'),
      error: `${notWhole}incorrect header check`,
    },
    {
      what: 'damaged data',
      bytes: flipped(700),
      error: new RegExp(`^${notWhole.replace(/[()]/g, '.')}`),
    },
    { what: 'a wrong checksum', bytes: flipped(-6), error: `${notWhole}incorrect data check` },
    { what: 'a wrong length', bytes: flipped(-1), error: `${notWhole}incorrect length check` },
    {
      what: 'followed by text',
      bytes: Buffer.concat([whole, Buffer.from('rubbish')]),
      error: `${notWhole}incorrect header check`,
    },
    {
      what: 'followed by zeros',
      bytes: Buffer.concat([whole, Buffer.alloc(5)]),
      error: 'the gzip file goes on for 5 bytes behind its end',
    },
    {
      what: 'followed by many zeros and another one',
      bytes: Buffer.concat([whole, Buffer.alloc(600_000), whole]),
      error: `the gzip file goes on for ${600_000 + whole.length} bytes behind its end`,
    },
  ])('that is $what is refused', async ({ bytes, error }) => {
    const before = await listTableFiles(shared.server.dataDir);
    const reply = await uploadAs(streamed(), bytes, gzip);
    expect(reply.error).toMatch(error instanceof RegExp ? error : /^./);
    if (typeof error === 'string') expect(reply.error).toBe(error);
    expect(reply).toMatchObject({ rows: 0n, csvBytes: 0n });
    expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
  });

  test('that unpacks to more than 1,000 times its size is refused', async () => {
    const before = await listTableFiles(shared.server.dataDir);
    const bomb = gzipSync(`n\n${'0'.repeat(20_000_000)}`);
    const { error } = await uploadAs(streamed(), bomb, gzip);
    expect(error).toBe(
      `the gzip file has ${bomb.length} bytes and unpacks to more than 1000 times that: send it ` +
        'as it is before it is packed',
    );
    expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
  });

  test('that unpacks past --gzip-bytes-max is refused, and one of that size is not', () =>
    withServer({ args: ['--gzip-bytes-max', '70000'] }, async (server, { streamed, table }) => {
      const csv = `n\n${'1\n'.repeat(34_999)}`;
      expect(csv).toHaveLength(70_000);
      expect((await uploadAs(streamed, gzipSync(csv), gzip)).error).toBe('');
      const before = await listTableFiles(server.dataDir);
      expect((await uploadAs(streamed, gzipSync(`${csv}1`), gzip)).error).toBe(
        'the gzip file unpacks to more than 70000 bytes (--gzip-bytes-max)',
      );
      expect(await listTableFiles(server.dataDir)).toEqual(before);
      expect(await sumOf(table, 'n')).toBe(34_999n);
    }));
});

test.each(vegaFiles)('%s is the same gzipped', async (name) => {
  const options: DeepPartial<CsvOptions> = name.endsWith('.tsv') ? { delimiter: '\t' } : {};
  const bytes = await readFile(path.join(data, name));
  const plain = name.endsWith('.tsv')
    ? await uploadAs(streamed(), bytes, options)
    : await streamed().upload(piecesOf(bytes, 60_000));
  expect(plain.error).toBe('');
  const packed = await uploadAs(streamed(), gzipSync(bytes), { ...gzip, ...options });
  expect(packed).toMatchObject({ error: '', rows: plain.rows, columns: plain.columns });
  const files = [plain, packed].map((kept) =>
    readWithHyparquet(filesOf(shared.server, kept).parquetPath),
  );
  const [first, second] = await Promise.all(files);
  expect(second).toEqual(first);
});
