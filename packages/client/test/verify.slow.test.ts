import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { launchServer } from '@tally/server/launch';
import { expect, onTestFinished, test } from 'vitest';
import { tally } from './run-tally.js';
import { temporaryFolder } from './temporary-folder.js';

const csv = 'amount,note\n1,a\n41,b\n';

test('sums and folders are checked from the command line: 0 all well, 1 problems', async () => {
  const folder = await temporaryFolder({ 'a.csv': csv });
  const dataDir = path.join(folder, 'data');
  const server = await launchServer({ dataDir });
  // When the test fails before it has stopped the server itself.
  onTestFinished(() => void server.process.kill());
  const port = ['--port', String(server.port)];
  expect(await tally(['upload', path.join(folder, 'a.csv'), ...port])).toMatchObject({ code: 0 });

  const sum = await tally(['csvsum', 'amount', '--verify', ...port]);
  expect(sum.stdout).toMatch(/^[0-9.]+ ms\n42\nchecksums of 1 files hold\n$/);
  const csvFolder = path.join(dataDir, 'tables/default/csv');
  const [name = ''] = await readdir(csvFolder);
  await writeFile(path.join(csvFolder, name), csv.replace('b', 'c'));
  expect((await tally(['csvsum', 'amount', ...port])).stdout).toMatch(/ms\n42\n$/);
  const damaged = await tally(['csvsum', 'amount', '--verify', ...port]);
  expect(damaged).toMatchObject({ code: 1 });
  expect(damaged.stdout).toMatch(/in chunk 1, its CSV file is damaged: its CRC32C is /);
  expect(await tally(['parquetsum', 'amount', '--verify', ...port])).toMatchObject({ code: 0 });
  expect(await tally(['verify', dataDir])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`is in use by process ${server.process.pid} on host `),
  });
  await server.stop();

  const bad = await tally(['verify', dataDir]);
  expect(bad).toMatchObject({ code: 1, stderr: '' });
  expect(bad.stdout).toContain(
    `1 problem:\n  tables/default/csv/${name} is damaged: its CRC32C is `,
  );
  expect(bad.stdout).toMatch(/restore it from a backup \(sums read chunk 1 from it\)\.\n$/);

  await writeFile(path.join(csvFolder, name), csv);
  const good = await tally(['verify', 'data'], { cwd: folder });
  expect(good).toMatchObject({ code: 0, stderr: '' });
  expect(good.stdout).toMatch(/1 chunk of 1 commit: 2 files, 2 rows, .* MB\/s\)\n/);
  expect(good.stdout).toMatch(/\nAll is well\.\n$/);

  await writeFile(path.join(dataDir, 'tmp', 'spooled.csv'), 'x');
  const repaired = await tally(['verify', dataDir, '--repair', '--json']);
  expect(repaired).toMatchObject({ code: 0, stderr: '' });
  const report = JSON.parse(repaired.stdout);
  expect(report).toMatchObject({
    dataDir,
    checked: { chunks: 1, files: 2, rows: 2, columnSums: 1 },
    problems: [{ kind: 'leftover', file: 'tmp/spooled.csv' }],
    repaired: 1,
    megabytesPerSecond: expect.any(Number),
  });
  expect(await readFile(path.join(dataDir, report.problems[0].movedTo), 'utf8')).toBe('x');
  expect(await tally(['verify', dataDir])).toMatchObject({ code: 0 });

  // A reset takes the quarantine along.
  expect(await tally(['reset', '--yes', '--data-dir', dataDir])).toMatchObject({ code: 0 });
  expect(await readdir(dataDir)).toEqual(['lock']);
});

test('exit code 2: a folder that is not of Tally, or none', async () => {
  const cwd = await temporaryFolder({ 'data/thesis.doc': '1' });
  const run = await tally(['verify', 'data'], { cwd });
  expect(run).toMatchObject({ code: 2, stdout: '' });
  expect(run.stderr).toMatch(/data is not a data folder of Tally: it has neither numbers\/ nor/);
  await rm(path.join(cwd, 'data'), { recursive: true });
  const missing = await tally(['verify', 'data'], { cwd });
  expect(missing).toMatchObject({ code: 2, stdout: '' });
  expect(missing.stderr).toMatch(/data does not exist\.\n$/);
  expect(await tally(['verify'], { cwd })).toMatchObject({ code: 2 });
});
