import path from 'node:path';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failingProxy } from './failing-proxy.js';
import { tally } from './run-tally.js';
import { temporaryFolder } from './temporary-folder.js';

/** A server for all tests below that need none of their own: each has its own columns. */
let server: LaunchedServer;
let toServer: string[];

beforeAll(async () => {
  server = await launchServer({ args: ['--message-bytes-max', '65536'] });
  toServer = ['--port', String(server.port)];
});
afterAll(() => server.stop());

/** Runs csvsum or parquetsum, and returns the second line of what it prints. */
async function sum(command: string, column: string, { port }: LaunchedServer): Promise<string> {
  const { code, stdout, stderr } = await tally([command, column, '--port', String(port)]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^[0-9]+\.[0-9] ms\n-?[0-9]+\n$/);
  return stdout.split('\n')[1] ?? '';
}

describe("the assignment's example", () => {
  let empty: LaunchedServer;

  beforeAll(async () => {
    empty = await launchServer();
  });
  afterAll(() => empty.stop());

  test.each([
    { file: 'file1.csv', content: 'x,y,z\n1,2,3\n4,5,6\n' },
    { file: 'file2.csv', content: 'x,y\n5,10\n0,20\n' },
  ])('upload $file prints "success" and nothing else', async ({ file, content }) => {
    const folder = await temporaryFolder({ [file]: content });
    const args = ['upload', path.join(folder, file), '--port', String(empty.port)];
    expect(await tally(args)).toEqual({ code: 0, stdout: 'success\n', stderr: '' });
  });

  describe.each(['csvsum', 'parquetsum'])('%s', (command) => {
    test.each([
      { column: 'x', total: '10' },
      { column: 'z', total: '9' },
      { column: 'w', total: '0' },
    ])('$column: milliseconds, then $total', async ({ column, total }) => {
      expect(await sum(command, column, empty)).toBe(total);
    });
  });
});

describe('what the service refuses', () => {
  test('a faulty file: its sentence alone, exit code 1, and the next file is kept', async () => {
    const cwd = await temporaryFolder({ 'bad.csv': 'a,b\n1,2\n3\n', 'good.csv': 'a\n5\n' });
    const bad = await tally(['upload', 'bad.csv', ...toServer], { cwd });
    expect(bad).toMatchObject({ code: 1, stderr: '' });
    expect(bad.stdout).toMatch(/^.*line 3.*\n$/);
    const good = await tally(['upload', 'good.csv', ...toServer], { cwd });
    expect(good).toMatchObject({ code: 0, stdout: 'success\n' });
    expect(await sum('csvsum', 'a', server)).toBe('5');
  });

  test('some of several files: each line says which file, and the others are kept', async () => {
    const cwd = await temporaryFolder({
      'a.csv': 'c\n1\n',
      'ragged.csv': 'c,d\n1,2\n3\n',
      'large.csv': `c\n${'1\n'.repeat(50_000)}`,
      'b.csv': 'c\n2\n',
    });
    const files = ['a.csv', 'ragged.csv', 'large.csv', 'b.csv'];
    const { code, stdout, stderr } = await tally(['upload', ...files, ...toServer], { cwd });
    expect(code).toBe(1);
    // Past what this server takes in a message, so it goes in pieces.
    const large = 'large\\.csv: success';
    expect(stdout).toMatch(
      new RegExp(`^a\\.csv: success\nragged\\.csv: .*line 3.*\n${large}\nb\\.csv: success\n$`),
    );
    expect(stderr).toBe('');
    expect(await sum('parquetsum', 'c', server)).toBe('50003');
  });

  test('the sum of text: the sentence in place of the sum', async () => {
    const cwd = await temporaryFolder({ 'note.csv': 'e,note\n1,hello\n' });
    expect(await tally(['upload', 'note.csv', ...toServer], { cwd })).toMatchObject({ code: 0 });
    for (const command of ['csvsum', 'parquetsum']) {
      const { code, stdout, stderr } = await tally([command, 'note', ...toServer]);
      expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
      expect(stdout).toMatch(/^[0-9]+\.[0-9] ms\n.*note.*\n$/);
    }
  });

  test('calls for tables that it does not offer: a sentence, exit code 1', async () => {
    const numbersOnly = await launchServer({ args: ['--services', 'numbers'] });
    try {
      const cwd = await temporaryFolder({ 'a.csv': 'x\n1\n' });
      for (const args of [['upload', 'a.csv'], ['csvsum', 'x'], ['bigdata']]) {
        const run = await tally([...args, '--port', String(numbersOnly.port)], { cwd });
        expect(run).toMatchObject({ code: 1, stdout: '' });
        expect(run.stderr).toMatch(
          /^The server at .* does not offer \/Table\/(Upload|ColSum): .*\n$/,
        );
      }
    } finally {
      await numbersOnly.stop();
    }
  });
});

describe('files that cannot be read: a sentence that names the file, exit code 2', () => {
  test.each([
    { name: 'missing.csv', sentence: /missing\.csv: there is no such file/ },
    { name: 'folder', sentence: /folder is a folder/ },
    { name: 'good.csv/inside.csv', sentence: /inside\.csv: .*not a folder/ },
  ])('$name', async ({ name, sentence }) => {
    const cwd = await temporaryFolder({ 'good.csv': 'x\n1\n', 'folder/x.csv': 'x\n1\n' });
    // No server is needed to see it: nothing is sent, not even the good file before it.
    const { code, stdout, stderr } = await tally(['upload', 'good.csv', name], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});

test('a relative path is relative to INIT_CWD, where pnpm was called', async () => {
  const folder = await temporaryFolder({ 'data/some.csv': 'f\n3\n' });
  const env = { INIT_CWD: folder };
  const run = await tally(['upload', './data/some.csv', ...toServer], { env });
  expect(run).toMatchObject({ code: 0, stdout: 'success\n' });
});

describe('bigdata', () => {
  test.each([
    { parallel: [], how: 'one after the other' },
    { parallel: ['--parallel', '3'], how: 'three at once' },
  ])('adds the sums that it announces: $how', async ({ parallel }) => {
    const sums = async (command: string) => [
      BigInt(await sum(command, 'x', server)),
      BigInt(await sum(command, 'y', server)),
      BigInt(await sum(command, 'z', server)),
    ];
    const before = await sums('csvsum');
    const size = ['--batches', '7', '--rows', '1500'];
    const { code, stdout, stderr } = await tally(['bigdata', ...size, ...parallel, ...toServer]);
    // No bar where there is no terminal.
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Uploaded 7 files: 10,500 rows, .* MB .* rows\/s, .* MB\/s\.\n/);
    const announced = [...stdout.matchAll(/^([xyz]) ([0-9]+)$/gm)];
    expect(announced.map(([, column]) => column)).toEqual(['x', 'y', 'z']);
    const after = announced.map(([, , total = ''], i) => (before[i] ?? 0n) + BigInt(total));
    expect(await sums('csvsum')).toEqual(after);
    expect(await sums('parquetsum')).toEqual(after);
  });

  test('a server that is lost on the way: a sentence with what to try, exit code 3', async () => {
    const port = String(await failingProxy(server.port, 50_000));
    const size = ['--batches', '100', '--rows', '1500'];
    const { code, stdout, stderr } = await tally([
      'bigdata',
      ...size,
      '--port',
      port,
      '--attempts',
      '2',
    ]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(
      /^\/Table\/Upload did not get through to the server .* tried 2 times.* try again\.\n$/,
    );
  });

  test('stops at the first batch that is not kept, exit code 1', async () => {
    const tooLarge = ['--batches', '3', '--rows', '10000'];
    const { code, stdout, stderr } = await tally(['bigdata', ...tooLarge, ...toServer]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^RESOURCE_EXHAUSTED: .*\n$/);
  });
});
