import { createReadStream } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { CsvSource, UploadProgress } from '@tally/client';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../temporary-folder.js';
import { failureOf, sharedTally } from './connection.js';

const shared = sharedTally(['--message-bytes-max', '65536']);

/** Larger than a message that this server takes, with characters that a cut would tear apart. */
const rows = 30_000;
const text = `été,n\n${'“é”,1\n'.repeat(rows)}`;
const bytes = Buffer.from(text);

async function* pieces() {
  for (let at = 0; at < bytes.length; at += 99_999) yield bytes.subarray(at, at + 99_999);
}

const sources: readonly { what: string; knowsSize: boolean; open: () => Promise<CsvSource> }[] = [
  { what: 'a path', knowsSize: true, open: async () => (await file()).path },
  { what: 'a file URL', knowsSize: true, open: async () => (await file()).url },
  { what: 'a Buffer', knowsSize: true, open: async () => bytes },
  { what: 'a Uint8Array', knowsSize: true, open: async () => new Uint8Array(bytes) },
  { what: 'a Readable', knowsSize: false, open: async () => createReadStream((await file()).path) },
  { what: 'a Readable of text', knowsSize: false, open: async () => Readable.from([text]) },
  { what: 'a web stream', knowsSize: false, open: async () => new Blob([bytes]).stream() },
  { what: 'an async generator', knowsSize: false, open: async () => pieces() },
  {
    what: 'an array of pieces',
    knowsSize: false,
    open: async () => [text.slice(0, 9), text.slice(9)],
  },
  { what: 'a function', knowsSize: false, open: async () => pieces },
];

async function file() {
  const folder = await temporaryFolder({ 'some.csv': text });
  const where = path.join(folder, 'some.csv');
  return { path: where, url: pathToFileURL(where) };
}

test.each(sources)(
  '$what is uploaded whole, and says how far it is',
  async ({ open, knowsSize }) => {
    const told: UploadProgress[] = [];
    const result = await shared.tally.tables.upload(await open(), {
      onProgress: (progress) => told.push(progress),
    });
    expect(result).toMatchObject({
      chunkId: expect.stringMatching(/./),
      rows,
      csvBytes: bytes.length,
      columns: [
        { name: 'été', type: 'string' },
        { name: 'n', type: 'int64' },
      ],
      rejectedRowCount: 0,
      rejectedRows: [],
    });
    expect(result.parquetBytes).toBeGreaterThan(0);
    const bytesTotal = knowsSize ? bytes.length : undefined;
    expect(told.at(-1)).toEqual({ bytesSent: bytes.length, bytesTotal });
    expect(told.length).toBeGreaterThan(1);
    const sent = told.map(({ bytesSent }) => bytesSent);
    expect(sent).toEqual(sent.toSorted((a, b) => a - b));
  },
);

describe('what is refused', () => {
  test('a faulty file: REFUSED, and the sentence that the frozen service has too', async () => {
    const { tables, frozen } = shared.tally;
    const csvData = Buffer.from('a,b\n1,2\n3\n');
    const error = await failureOf(tables.upload(csvData));
    expect(error).toMatchObject({ code: 'REFUSED', method: '/tally.v1.TableService/Upload' });
    expect(error.sentence).toBe((await frozen.upload({ csvData })).error);
  });

  test('a file without a byte', async () => {
    const folder = await temporaryFolder({ 'empty.csv': '' });
    const error = await failureOf(shared.tally.tables.upload(path.join(folder, 'empty.csv')));
    expect(error.code).toBe('REFUSED');
  });

  test('a table that does not exist', async () => {
    const error = await failureOf(shared.tally.tables.upload(bytes, { table: 'nosuch' }));
    expect(error).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a path of nothing: the error of Node', async () => {
    const nothing = shared.tally.tables.upload('/nosuch/some.csv');
    await expect(nothing).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a stream that breaks, or gives other than bytes: its error, and nothing is kept', async () => {
    const before = await shared.tally.tables.describe();
    async function* broken() {
      yield 'x\n1\n';
      throw new RangeError('the source has broken');
    }
    await expect(shared.tally.tables.upload(broken())).rejects.toThrow('the source has broken');
    const odd = Readable.from([1, 2]);
    await expect(shared.tally.tables.upload(odd)).rejects.toThrow(
      /gave number: Uint8Array and text/,
    );
    expect(await shared.tally.tables.describe()).toEqual(before);
  });
});

test('the same key with the same bytes keeps them once; with others it is refused', async () => {
  const { tables } = shared.tally;
  const once = { idempotencyKey: 'a key of the test'.replaceAll(' ', '-') };
  const first = await tables.upload(Buffer.from('k\n1\n'), once);
  expect(await tables.upload(Buffer.from('k\n1\n'), once)).toEqual(first);
  expect((await tables.upload(Buffer.from('k\n1\n'))).chunkId).not.toBe(first.chunkId);
  const other = await failureOf(tables.upload(Buffer.from('k\n2\n'), once));
  expect(other.sentence).toMatch(/idempotency key/);
});
