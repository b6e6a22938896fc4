import { execFileSync } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { launchServer } from '@tally/server/launch';
import { ServerError, Status } from 'nice-grpc';
import { expect, test } from 'vitest';
import { tally } from './run-tally.js';
import { tableServer } from './table-server.js';
import { temporaryFolder } from './temporary-folder.js';

const MiB = 1024 * 1024;
const success = { code: 0, stdout: 'success\n', stderr: '' };

/** A file of so many bytes, which takes no room on the disk. */
async function sparseFile(bytes: number): Promise<string> {
  const folder = await temporaryFolder({ 'sparse.csv': '' });
  const file = path.join(folder, 'sparse.csv');
  await truncate(file, bytes);
  return file;
}

// A message of 64 MiB, of which 5 bytes are not the file's, is the largest that servers take.
test.each([
  { bytes: 1, call: 'unary' },
  { bytes: 64 * MiB - 5, call: 'unary' },
  { bytes: 64 * MiB - 4, call: 'streamed', total: BigInt(64 * MiB - 4) },
  { bytes: 100 * MiB, call: 'streamed', total: BigInt(100 * MiB) },
])('a file of $bytes bytes goes by the $call call', async ({ bytes, call, total }) => {
  const { port, seen } = await tableServer(64 * MiB);
  expect(await tally(['upload', await sparseFile(bytes), '--port', port])).toEqual(success);
  expect(seen).toEqual([{ call, bytes, total }]);
});

test('a pipe, whose size nobody knows, goes by the streamed call', async () => {
  const { port, seen } = await tableServer(64 * MiB);
  const cwd = await temporaryFolder({});
  const pipe = path.join(cwd, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const ended = tally(['upload', pipe, '--port', port]);
  await writeFile(pipe, 'x\n1\n');
  expect(await ended).toEqual(success);
  expect(seen).toEqual([{ call: 'streamed', bytes: 4, total: 4n }]);
});

test('a server that takes smaller messages gets the file in pieces', async () => {
  const { port, seen } = await tableServer(64 * 1024);
  const file = await sparseFile(64 * 1024);
  expect(await tally(['upload', file, '--port', port])).toEqual(success);
  expect(seen).toEqual([{ call: 'streamed', bytes: 64 * 1024, total: BigInt(64 * 1024) }]);
});

test('a server that is short of something else says so, and the next file is tried', async () => {
  const { port, seen } = await tableServer(64 * MiB, () => {
    throw new ServerError(Status.RESOURCE_EXHAUSTED, 'the disk is full');
  });
  const cwd = await temporaryFolder({ 'a.csv': 'x\n1\n', 'b.csv': 'x\n' });
  expect(await tally(['upload', 'a.csv', 'b.csv', '--port', port], { cwd })).toEqual({
    code: 1,
    stdout: '',
    stderr:
      'a.csv: RESOURCE_EXHAUSTED: the disk is full\nb.csv: RESOURCE_EXHAUSTED: the disk is full\n',
  });
  expect(seen.map(({ bytes }) => bytes)).toEqual([4, 4, 2, 2]);
});

test('memory does not grow with the file', async () => {
  const { port } = await tableServer(64 * MiB);
  const report = "process.on('exit', () => console.error(process.resourceUsage().maxRSS * 1024))";
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(report)}` };
  const memoryOf = async (bytes: number) => {
    const { stdout, stderr } = await tally(['upload', await sparseFile(bytes), '--port', port], {
      env,
    });
    expect(stdout).toBe('success\n');
    return Number(stderr);
  };
  const growth = (await memoryOf(300 * MiB)) - (await memoryOf(1));
  expect(growth).toBeLessThan(100 * MiB);
});

test('a file past 64 MiB gets the answers of a small one', async () => {
  const server = await launchServer();
  try {
    const rows = `1,${'y'.repeat(1000)}\n`.repeat(68_000);
    const cwd = await temporaryFolder({
      'good.csv': `x,note\n${rows}`,
      'short.csv': `x,note\n${rows}1`,
    });
    const upload = (file: string) =>
      tally(['upload', file, '--port', String(server.port)], { cwd });
    expect(await upload('short.csv')).toEqual({
      code: 1,
      stdout: 'line 68002: the row has 1 field, but the header has 2: each row needs as many\n',
      stderr: '',
    });
    expect(await upload('good.csv')).toEqual(success);
    const { stdout } = await tally(['csvsum', 'x', '--port', String(server.port)]);
    expect(stdout).toMatch(/\n68000\n$/);
  } finally {
    await server.stop();
  }
});
