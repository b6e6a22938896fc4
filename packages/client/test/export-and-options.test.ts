import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { connect, type Tally, TallyError } from '@tally/client';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tally as tallyCommand } from './run-tally.js';
import { temporaryFolder } from './temporary-folder.js';

let server: LaunchedServer;
let tally: Tally;
let port: string;
beforeAll(async () => {
  server = await launchServer();
  tally = await connect(server.address);
  port = String(server.port);
});
afterAll(async () => {
  tally?.close();
  await server?.stop();
});

/** A table of its own for each test. */
async function newTable(name: string): Promise<string> {
  await tally.tables.create(name);
  return name;
}

describe('the options of a CSV file', () => {
  test('delimiter, quote, null words, types and bad rows', async () => {
    const table = await newTable('options');
    const csv = "a;b;zip\n1;'x;''y';00501\nNA;NULL;10001\n2;z\n3;w;77\n";
    const result = await tally.tables.upload(Buffer.from(csv), {
      table,
      csv: {
        delimiter: ';',
        quote: "'",
        nullWords: ['NA', 'NULL'],
        types: { zip: 'string' },
        badRows: 'skip',
        rejectedRowsMax: 1,
      },
    });
    expect(result).toMatchObject({
      rows: 3,
      columns: [
        { name: 'a', type: 'int64' },
        { name: 'b', type: 'string' },
        { name: 'zip', type: 'string' },
      ],
      rejectedRowCount: 1,
      rejectedRows: [{ line: 4, reason: expect.stringMatching(/2 fields/) }],
    });
    const arrow = await tally.tables.arrowTable({ table });
    expect(arrow.toArray().map((row) => row?.toJSON())).toEqual([
      { a: 1n, b: "x;'y", zip: '00501' },
      { a: null, b: null, zip: '10001' },
      { a: 3n, b: 'w', zip: '77' },
    ]);
  });

  test('without a header, the columns are numbered', async () => {
    const table = await newTable('no-header');
    const csv = { header: false };
    const { columns } = await tally.tables.upload(Buffer.from('1,x\n2,y\n'), { table, csv });
    expect(columns.map(({ name }) => name)).toEqual(['column_1', 'column_2']);
  });

  test('gzip: what is sent is the compressed file', async () => {
    const table = await newTable('gzip');
    const packed = gzipSync(`x\n${'1\n'.repeat(100_000)}`);
    let sent = 0;
    const { rows } = await tally.tables.upload(packed, {
      table,
      csv: { compression: 'gzip' },
      onProgress: ({ bytesSent }) => {
        sent = bytesSent;
      },
    });
    expect({ rows, sent }).toEqual({ rows: 100_000, sent: packed.length });
  });

  test('a bad row refuses the file unless it is to be left out', async () => {
    const table = await newTable('bad-rows');
    const csv = { types: { a: 'int64' } } as const;
    const upload = tally.tables.upload(Buffer.from('a\n1\nx\n'), { table, csv });
    const error = await upload.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TallyError);
    expect(error).toMatchObject({ sentence: expect.stringMatching(/line 3/) });
  });

  test('on the command line: .gz files by their name, rejected rows below "success"', async () => {
    const table = await newTable('command-line');
    const cwd = await temporaryFolder({});
    await writeFile(path.join(cwd, 'a.csv.gz'), gzipSync('a\tzip\n1\t00501\n2\n3\n4\t7\n'));
    const options = ['--delimiter', 'tab', '--type', 'zip=string', '--skip-bad-rows'];
    const args = ['upload', '*.gz', '--table', table, ...options, '--rejected-rows-max', '1'];
    const { code, stdout, stderr } = await tallyCommand([...args, '--port', port], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^success, but 2 rows left out:\n {2}line 3: .*\n {2}and 1 more\n$/);
    const { numRows, schema } = await tally.tables.arrowTable({ table });
    expect({ numRows, names: schema.names }).toEqual({ numRows: 2, names: ['a', 'zip'] });
  });
});

describe('export', () => {
  test('has every value of every column, of one version', async () => {
    const table = await newTable('all-types');
    const header = 'i,d,b,day,at,t\n';
    const most = 2n ** 63n - 1n;
    const row = `${most},0.5,true,2026-11-23,2026-11-23T12:00:00Z,"a,b"\n,,,,,\n`;
    await tally.tables.upload(Buffer.from(header + row), { table });
    await tally.tables.upload(Buffer.from('i\n7\n'), { table });
    const arrow = await tally.tables.arrowTable({ table });
    expect(arrow.schema.names).toEqual(['i', 'd', 'b', 'day', 'at', 't']);
    const [first, second, third] = arrow.toArray().map((each) => each?.toJSON());
    const atMs = Date.UTC(2026, 10, 23, 12);
    expect(first).toMatchObject({ i: most, d: 0.5, b: true, t: 'a,b' });
    expect([Number(first?.day), Number(first?.at)]).toEqual([Date.UTC(2026, 10, 23), atMs]);
    expect(Object.values(second ?? {})).toEqual(Array(6).fill(null));
    expect(third).toEqual({ i: 7n, d: null, b: null, day: null, at: null, t: null });
    const before = await tally.tables.arrowTable({ table, version: 0, columns: ['t', 'i'] });
    expect({ rows: before.numRows, names: before.schema.names }).toEqual({
      rows: 2,
      names: ['t', 'i'],
    });
  });

  test('as bytes: an Arrow IPC stream, also by the command, to a file and to standard output', async () => {
    const table = await newTable('bytes');
    await tally.tables.upload(Buffer.from(`x\n${'5\n'.repeat(10_000)}`), { table });
    const pieces: Uint8Array[] = [];
    for await (const piece of tally.tables.export({ table })) pieces.push(piece);
    expect(tableFromIPC(Buffer.concat(pieces)).numRows).toBe(10_000);
    const cwd = await temporaryFolder({});
    const args = ['export', '--table', table, '--column', 'x', '--port', port];
    const out = [...args, '--out', 'x.arrow', '--json'];
    const { code, stdout, stderr } = await tallyCommand(out, { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const file = await readFile(path.join(cwd, 'x.arrow'));
    expect(JSON.parse(stdout)).toEqual({ file: path.join(cwd, 'x.arrow'), bytes: file.length });
    expect(tableFromIPC(file).numRows).toBe(10_000);
    const printed = await promisify(execFile)(process.execPath, [mainFile, ...args], {
      encoding: 'buffer',
      maxBuffer: 2 ** 24,
    });
    expect(tableFromIPC(printed.stdout).numRows).toBe(10_000);
  });

  test('of what does not exist: NOT_FOUND, and no file is left', async () => {
    const cwd = await temporaryFolder({});
    const args = ['export', '--table', 'nosuch', '--out', 'x.arrow', '--port', port];
    const run = await tallyCommand(args, { cwd });
    expect(run).toMatchObject({ code: 1, stdout: '' });
    expect(run.stderr).toMatch(/^NOT_FOUND: .*nosuch/);
    expect(await readdir(cwd)).toEqual([]);
  });
});

test('the example of an export runs, and prints what it should', async () => {
  const example = fileURLToPath(new URL('../examples/dist/export.js', import.meta.url));
  const cwd = await temporaryFolder({});
  const env = { ...process.env, TALLY_ADDRESS: server.address };
  const { stdout } = await promisify(execFile)(process.execPath, [example], { cwd, env });
  expect(stdout).toMatch(/^line 4: .*\n2 rows of item and price\n$/);
  expect(tableFromIPC(await readFile(path.join(cwd, 'table.arrow'))).numRows).toBe(2);
});

const mainFile = fileURLToPath(new URL('../dist/main.js', import.meta.url));
