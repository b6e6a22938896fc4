import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { connect } from '@tally/client';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { spawnTally, tally } from './run-tally.js';
import { temporaryFolder } from './temporary-folder.js';

let server: LaunchedServer;
/** Where a test's commands run; undefined: where the tests do. */
let cwd: string | undefined;

beforeAll(async () => {
  server = await launchServer({ args: ['--durability', 'os'] });
});
afterAll(() => server.stop());
afterEach(() => {
  cwd = undefined;
});

/** Runs a command against the server; it must print nothing on standard error. */
async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await tally(
    [...args, '--port', String(server.port)],
    cwd === undefined ? {} : { cwd },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** Runs a command that the service refuses; returns what it prints on standard error. */
async function refused(code: number, ...args: string[]): Promise<string> {
  const ended = await tally(
    [...args, '--port', String(server.port)],
    cwd === undefined ? {} : { cwd },
  );
  expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: '' });
  return ended.stderr;
}

const json = (line: string): unknown => JSON.parse(line);
const jsonLines = (text: string) => text.trimEnd().split('\n').map(json);

describe('numbers', () => {
  test('set prints the total, add the number, get and delete the number', async () => {
    expect(await run('set', 'n', '-9007199254740993')).toBe('-9007199254740993\n');
    expect(await run('add', 'n', '-1')).toBe('-9007199254740994\n');
    expect(await run('add', 'n', '+2')).toBe('-9007199254740992\n');
    expect(await run('get', 'n')).toBe('-9007199254740992\n');
    expect(await run('delete', 'n')).toBe('-9007199254740992\n');
    expect(await refused(1, 'get', 'n')).toBe('NOT_FOUND: no number is called "n": set it first\n');
  });

  test('with --json, values are strings', async () => {
    const value = String(2n ** 62n);
    expect(json(await run('set', 'j', value, '--json'))).toEqual({ key: 'j', value, total: value });
    expect(json(await run('get', 'j', '--json'))).toEqual({ key: 'j', value });
    const more = { key: 'j', value: String(2n ** 62n + 1n), total: String(2n ** 62n + 1n) };
    expect(json(await run('add', 'j', '1', '--json'))).toEqual(more);
    expect(json(await run('delete', 'j', '--json'))).toEqual({ ...more, total: '0' });
  });

  test('numbers lists those of a prefix, values at the right', async () => {
    for (const [key, value] of [
      ['l/one', '1'],
      ['l/a long key', '-12345'],
      ['m', '5'],
    ] as const) {
      await run('set', key, value);
    }
    expect(await run('numbers', 'l/')).toBe(
      'key            value\nl/a long key  -12345\nl/one              1\n',
    );
    expect(jsonLines(await run('numbers', 'l/', '--json'))).toEqual([
      { key: 'l/a long key', value: '-12345' },
      { key: 'l/one', value: '1' },
    ]);
    expect(await run('numbers', 'nosuch')).toBe('key  value\n');
    expect(await run('numbers', 'nosuch', '--json')).toBe('');
  });

  test('a reader that has seen enough ends the list without a word', async () => {
    await using connection = await connect(server.address);
    await connection.numbers.batch(
      Array.from({ length: 9000 }, (_, i) => ({ key: `many/${'k'.repeat(50)}${i}`, set: i })),
    );
    const list = `'${process.execPath}' dist/main.js numbers many/ --json --port ${server.port}`;
    const { stdout, stderr } = await promisify(execFile)('bash', [
      '-c',
      `${list} | head -n 1; echo "\${PIPESTATUS[0]}"`,
    ]);
    expect({ stdout, stderr }).toEqual({
      stdout: `${JSON.stringify({ key: `many/${'k'.repeat(50)}0`, value: '0' })}\n0\n`,
      stderr: '',
    });
  });

  test('a key with characters that would move the cursor is one line', async () => {
    await run('set', 'p/\u001b[2J\n', '1');
    expect(await run('numbers', 'p/')).toBe(
      'key                value\np/\\u001b[2J\\u000a      1\n',
    );
  });

  test('fact prints all digits; of n or of a key', async () => {
    expect(await run('fact', '25')).toBe('15511210043330985984000000\n');
    await run('set', 'f', '25');
    expect(json(await run('fact', '--key', 'f', '--json'))).toEqual({
      n: '25',
      value: '15511210043330985984000000',
      hit: true,
    });
    expect(await refused(2, 'fact')).toMatch(/^Give either n or --key: /);
    expect(await refused(2, 'fact', '5', '--key', 'f')).toMatch(/^Give either n or --key: /);
    expect(await refused(1, 'fact', '2000000')).toMatch(/^OUT_OF_RANGE: /);
  });

  test('stats', async () => {
    const stats = json(await run('stats', '--json')) as { count: number; total: string };
    expect(stats).toMatchObject({ count: expect.any(Number), factorialCache: { entriesMax: 10 } });
    const lines = await run('stats');
    expect(lines).toMatch(new RegExp(`^total +${stats.total}$`, 'm'));
  });

  test.each(['1.5', '9223372036854775808', 'x', ''])(
    'set refuses the value "%s"',
    async (value) => {
      expect(await refused(2, 'set', 'n', value)).toMatch(
        /integer from -9223372036854775808 to 9223372036854775807/,
      );
    },
  );
});

describe('tables', () => {
  test('are created, listed, described and dropped', async () => {
    const files = await temporaryFolder({ 'a.csv': 'x,name\n1,a\n20,b\n', 'b.csv': 'x\n0.5\n' });
    expect(await run('tables', 'create', 'shop')).toBe('Created the table shop.\n');
    const upload = ['upload', path.join(files, 'a.csv'), path.join(files, 'b.csv')];
    const kept = jsonLines(await run(...upload, '--table', 'shop', '--json'));
    expect(kept).toMatchObject([
      { file: upload[1], rows: 2, columns: [{ name: 'x', type: 'int64' }, { name: 'name' }] },
      { file: upload[2], rows: 1, columns: [{ name: 'x', type: 'double' }] },
    ]);
    expect(await run('describe', 'shop')).toBe(
      [
        'shop: 3 rows in 2 chunks, 0.0 MB of CSV, 0.0 MB of Parquet; version 1',
        "Delta Lake table: tables/shop/delta in the server's data folder",
        '',
        'column  type    Delta Lake column',
        'x       int64   x',
        '        double  x__double',
        'name    string  name',
        '',
      ].join('\n'),
    );
    expect(json(await run('describe', 'shop', '--json'))).toMatchObject({ rows: 3, version: 1 });
    expect(await run('tables')).toMatch(
      /^table +rows +chunks +CSV MB +Parquet MB +version\ndefault +.*\nshop +3 +2 +0\.0 +0\.0 +1\n$/,
    );
    expect(jsonLines(await run('tables', '--json'))).toMatchObject([
      { table: 'default' },
      { table: 'shop', rows: 3 },
    ]);
    const asked = await tally(['tables', 'drop', 'shop', '--port', String(server.port)]);
    expect(asked).toEqual({
      code: 2,
      stdout:
        'This would drop the table shop, 3 rows in 2 chunks. Nothing was dropped: add --yes to do it.\n',
      stderr: '',
    });
    expect(await run('tables', 'drop', 'shop', '--yes')).toBe(
      'Dropped the table shop, 3 rows in 2 chunks.\n',
    );
    expect(await refused(1, 'describe', 'shop')).toMatch(
      /^NOT_FOUND: .*"shop".*\(tally tables create, tally tables\)$/m,
    );
  });

  test('a mistaken chunk is found and deleted', async () => {
    await run('tables', 'create', 'mistakes');
    const files = await temporaryFolder({ 'a.csv': 'x\n1\n', 'b.csv': 'x\n100\n' });
    for (const file of ['a.csv', 'b.csv']) {
      expect(await run('upload', path.join(files, file), '--table', 'mistakes')).toBe('success\n');
    }
    const chunks = jsonLines(await run('chunks', 'mistakes', '--json'));
    const [, { chunkId }] = chunks as [unknown, { chunkId: string }];
    expect(await run('chunks', 'mistakes')).toMatch(new RegExp(`^ +2  ${chunkId}  +1  `, 'm'));
    const remove = ['delete-chunk', chunkId, '--table', 'mistakes'];
    expect(await run(...remove)).toBe(
      `Deleted the chunk ${chunkId}: version 2 does not have it any more.\n`,
    );
    expect(await run('sum', 'x', '--table', 'mistakes')).toBe('1\n');
    expect(await run('aggregate', 'x', '--table', 'mistakes', '--as-of', '1')).toBe(
      'column  count  nulls  sum  min  max  mean\nx           2      0  101    1  100  50.5\n',
    );
    expect(await refused(1, ...remove)).toMatch(/^NOT_FOUND: .*has no chunk/);
  });

  test.each(['csv', 'parquet'])('sum and aggregate are exact, from %s', async (format) => {
    const table = `exact-${format}`;
    await run('tables', 'create', table);
    const most = 2n ** 63n - 1n;
    const files = await temporaryFolder({ 'a.csv': `i,t\n${most},a\n${most},\n` });
    await run('upload', path.join(files, 'a.csv'), '--table', table);
    const from = ['--table', table, '--format', format];
    expect(await run('sum', 'i', ...from)).toBe(`${2n * most}\n`);
    expect(json(await run('sum', 'i', ...from, '--json'))).toEqual({
      column: 'i',
      format,
      version: 0,
      sum: String(2n * most),
    });
    expect(json(await run('aggregate', 't', 'i', ...from, '--json'))).toEqual({
      version: 0,
      columns: [
        { column: 't', count: 1, nulls: 1 },
        {
          ...{ column: 'i', count: 2, nulls: 0, sum: String(2n * most) },
          ...{ min: String(most), max: String(most), mean: Number(most) },
        },
      ],
    });
    const some = await run('aggregate', 'i', ...from, '--functions', 'nulls,max');
    expect(some).toBe(`column  nulls                  max\ni           0  ${most}\n`);
    expect(await refused(1, 'sum', 't', ...from)).toMatch(/^INVALID_ARGUMENT: .*string/);
    expect(await refused(2, 'aggregate', 'i', '--functions', 'median')).toMatch(
      /some of count,nulls,sum,min,max,mean/,
    );
  });

  test('csvsum prints JSON if it is asked to', async () => {
    expect(json(await run('csvsum', 'nobody has it', '--json'))).toEqual({
      column: 'nobody has it',
      format: 'csv',
      ms: expect.any(Number),
      sum: '0',
      filesRead: 0,
      filesChecked: 0,
    });
  });
});

describe('upload', () => {
  test('patterns, sorted; one that matches nothing is wrong usage', async () => {
    cwd = await temporaryFolder({
      'data/b.csv': 'p\n2\n',
      'data/a.csv': 'p\n1\n',
      'data/[x].csv': 'p\n4\n',
      'data/more/c.csv': 'p\n8\n',
    });
    expect(await run('upload', 'data/{a,b}*.csv')).toBe(
      'data/a.csv: success\ndata/b.csv: success\n',
    );
    expect(await run('upload', 'data/[x].csv')).toBe('success\n');
    expect(await run('upload', 'data/**/c.csv')).toBe('success\n');
    expect(await run('sum', 'p')).toBe('15\n');
    expect(await refused(2, 'upload', 'data/*.txt')).toBe('No file matches data/*.txt.\n');
  });

  test('standard input, once', async () => {
    const { process: child, ended } = spawnTally(['upload', '-', '--port', String(server.port)], {
      stdin: true,
    });
    child.stdin?.end('stdin\n41\n1\n');
    expect(await ended).toEqual({ code: 0, stdout: 'success\n', stderr: '' });
    expect(await run('sum', 'stdin')).toBe('42\n');
    expect(await refused(2, 'upload', '-', '-')).toMatch(/^Standard input \(-\) can be read once/);
  });

  test('what the server refuses, as JSON', async () => {
    cwd = await temporaryFolder({ 'bad.csv': 'a,b\n1\n' });
    const args = ['upload', 'bad.csv', '--json', '--port', String(server.port)];
    const { code, stdout, stderr } = await tally(args, cwd === undefined ? {} : { cwd });
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(json(stdout)).toEqual({
      file: 'bad.csv',
      error: { code: 'REFUSED', sentence: expect.stringMatching(/^line 2: /) },
    });
    expect(await refused(1, 'upload', 'bad.csv', '--table', 'nosuch')).toMatch(/^NOT_FOUND: /);
  });

  test('of a file with another delimiter: which option there is for it', async () => {
    cwd = await temporaryFolder({ 'semicolons.csv': 'a;b\n1,5;2\n' });
    const args = ['upload', 'semicolons.csv', '--port', String(server.port)];
    const refusal = await tally(args, { cwd });
    expect(refusal.code).toBe(1);
    expect(refusal.stdout).toMatch(/^line 2: the row has more than 1 fields/);
    expect(refusal.stderr).toMatch(/See --delimiter\.$/m);
    const kept = await tally([...args, '--delimiter', ';'], { cwd });
    expect(kept).toEqual({ code: 0, stdout: 'success\n', stderr: '' });
  });

  test.each([
    { args: ['--delimiter', 'ab'], message: /one character of ASCII/ },
    { args: ['--type', 'zip=text'], message: /column=type, such as zip=string/ },
    { args: ['--type', '=string'], message: /column=type/ },
    { args: ['--rejected-rows-max', '0'], message: /from 1 to 10,000/ },
  ])('$args is wrong usage', async ({ args, message }) => {
    expect(await refused(2, 'upload', 'a.csv', ...args)).toMatch(message);
  });
});

describe('serve', () => {
  test('serves until it is told to end', async () => {
    const dataDir = await temporaryFolder({});
    const args = ['serve', '--port', '0', '--data-dir', dataDir, '--warmup-calls', '0'];
    const { process: child, ended } = spawnTally(args);
    const port = await new Promise<string>((resolve) => {
      child.stdout?.on('data', (text: string) => {
        const [, found] = /^Tally serves .* on \S+:(\d+), data in /m.exec(text) ?? [];
        if (found !== undefined) resolve(found);
      });
    });
    expect(await tally(['set', 'a', '1', '--port', port])).toMatchObject({ stdout: '1\n' });
    child.kill('SIGTERM');
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^\{"level":"info",.*"options":.*\}\n\{"level":"info",.*"method":"\/tally\.v1\.NumberService\/SetNumber".*\}\n$/,
    );
    expect(stdout).toMatch(/\nSIGTERM: finishing the calls in progress\n$/);
  });

  test("has the server's options and their help, and says what is wrong with exit code 2", async () => {
    const { code, stdout } = await tally(['serve', '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: tally serve \[options\]\n/);
    expect(stdout).toMatch(/--durability[\s\S]*\nExample:\n {2}tally serve --port 6000/);
    const wrong = await tally(['serve', '--prt', '1']);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/unknown option '--prt'/);
  });

  test('says why it cannot start, with exit code 1', async () => {
    const dataDir = await temporaryFolder({ 'others.txt': 'not ours' });
    const { code, stderr } = await tally(['serve', '--port', '0', '--data-dir', dataDir]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^[^\n]*others\.txt[^\n]*\n$/);
  });
});

test('bigdata and reset print JSON if they are asked to', async () => {
  const size = ['bigdata', '--batches', '2', '--rows', '10', '--json'];
  expect(json(await run(...size))).toMatchObject({
    files: 2,
    rows: 20,
    sums: { x: '20', y: '90', z: expect.stringMatching(/^[0-9]+$/) },
  });
  const dataDir = await temporaryFolder({ 'tables/x': '' });
  const reset = ['reset', '--data-dir', dataDir, '--yes', '--json'];
  expect(json((await tally(reset)).stdout)).toEqual({
    dataDir,
    folders: ['tables'],
    isDeleted: true,
  });
  await expect(readFile(path.join(dataDir, 'tables/x'))).rejects.toThrow('ENOENT');
});
