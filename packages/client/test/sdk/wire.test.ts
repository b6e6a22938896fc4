import { Readable } from 'node:stream';
import {
  BadRows,
  ColumnType,
  Compression,
  ExportRequest,
  TableServiceDefinition,
  UploadRequest,
} from '@tally/stubs';
import { tableFromArrays, tableToIPC } from 'apache-arrow';
import { createServer } from 'nice-grpc';
import { expect, onTestFinished, test } from 'vitest';
import { connected } from './connection.js';
import { partOf } from './part-of-service.js';

/** A server that remembers what it was sent, and exports one table in small pieces. */
async function recordingServer() {
  const uploads: UploadRequest[][] = [];
  const exports: ExportRequest[] = [];
  const server = createServer();
  server.add(partOf(TableServiceDefinition, 'upload', 'export'), {
    async upload(requests) {
      const messages: UploadRequest[] = [];
      for await (const message of requests) messages.push(message);
      uploads.push(messages);
      return {
        rows: 7n,
        columns: [{ name: 'a', type: ColumnType.COLUMN_TYPE_DATE }],
        rejectedRowCount: 2n,
        rejectedRows: [{ line: 2n ** 40n, reason: 'too long' }],
      };
    },
    async *export(request) {
      exports.push(request);
      const bytes = tableToIPC(tableFromArrays({ n: BigInt64Array.of(1n, 2n, 3n) }), 'stream');
      for (let at = 0; at < bytes.length; at += 7) yield { arrowIpc: bytes.subarray(at, at + 7) };
    },
  });
  onTestFinished(() => server.forceShutdown());
  const { tables } = await connected(`127.0.0.1:${await server.listen('127.0.0.1:0')}`);
  return { tables, uploads, exports };
}

test('an upload whose size is known says it first, one of a stream says that it follows', async () => {
  const { tables, uploads } = await recordingServer();
  await tables.upload(Buffer.from('x\n1\n'), { table: 'sales' });
  await tables.upload(Readable.from([Buffer.from('x\n'), '1\n']));
  const first = { csvBytesTotalFollows: true };
  expect(uploads).toEqual([
    [
      UploadRequest.fromPartial({ ...first, csvBytesTotal: 4n, table: 'sales' }),
      UploadRequest.fromPartial({ csvData: Buffer.from('x\n1\n') }),
    ],
    [
      UploadRequest.fromPartial(first),
      UploadRequest.fromPartial({ csvData: Buffer.from('x\n') }),
      UploadRequest.fromPartial({ csvData: Buffer.from('1\n') }),
      UploadRequest.fromPartial({ csvBytesTotal: 4n }),
    ],
  ]);
});

test('the options of a CSV file are in the first message; what was left out is in the answer', async () => {
  const { tables, uploads } = await recordingServer();
  const result = await tables.upload(Buffer.from(''), {
    csv: {
      delimiter: ';',
      quote: "'",
      header: false,
      nullWords: ['NA'],
      compression: 'gzip',
      types: { a: 'date', b: 'string', ['__proto__']: 'int64' },
      badRows: 'skip',
      rejectedRowsMax: 5,
    },
  });
  expect(uploads[0]?.[0]?.csvOptions).toEqual({
    delimiter: ';',
    quote: "'",
    noHeader: true,
    nullWords: ['NA'],
    compression: Compression.COMPRESSION_GZIP,
    types: new Map([
      ['a', ColumnType.COLUMN_TYPE_DATE],
      ['b', ColumnType.COLUMN_TYPE_STRING],
      ['__proto__', ColumnType.COLUMN_TYPE_INT64],
    ]),
    badRows: BadRows.BAD_ROWS_SKIP,
    rejectedRowsMax: 5,
  });
  expect(result).toMatchObject({
    rows: 7,
    columns: [{ name: 'a', type: 'date' }],
    rejectedRowCount: 2,
    rejectedRows: [{ line: 2 ** 40, reason: 'too long' }],
  });
  await tables.upload(Buffer.from(''), { csv: { header: true } });
  expect(uploads[1]?.[0]?.csvOptions).toMatchObject({
    delimiter: '',
    noHeader: false,
    types: new Map(),
  });
});

test('an export is asked for as it was said, and read as a Table of apache-arrow', async () => {
  const { tables, exports } = await recordingServer();
  const table = await tables.arrowTable({ table: 'sales', columns: ['n'], version: 3 });
  expect([...(table.getChild('n') ?? [])]).toEqual([1n, 2n, 3n]);
  expect((await tables.arrowTable()).numRows).toBe(3);
  expect(exports).toEqual([
    ExportRequest.fromPartial({ table: 'sales', columns: ['n'], version: 3n }),
    ExportRequest.fromPartial({}),
  ]);
});
