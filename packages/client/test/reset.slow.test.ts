import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { launchServer } from '@tally/server/launch';
import { describe, expect, onTestFinished, test } from 'vitest';
import { tally } from './run-tally.js';
import { temporaryFolder } from './temporary-folder.js';

const dataFiles = {
  'data/numbers/data.mdb': '1',
  'data/tables/default/csv/1.csv': '1',
  'data/tmp/spool': '1',
};

test('a server that starts after a reset has neither numbers nor tables', async () => {
  const folder = await temporaryFolder({ 'a.csv': 'x\n5\n' });
  const dataDir = path.join(folder, 'data');

  const before = await launchServer({ dataDir });
  // When the test fails before it has stopped the server itself.
  onTestFinished(() => void before.process.kill());
  const toBefore = ['--port', String(before.port)];
  const file = path.join(folder, 'a.csv');
  expect(await tally(['upload', file, ...toBefore])).toMatchObject({ code: 0 });
  // Every key is set in the end, so that a Fact without a number can only come from a reset.
  expect(await tally(['start', '--keys', '1', ...toBefore])).toMatchObject({ code: 0 });
  await before.stop();

  const reset = await tally(['reset', '--yes', '--data-dir', dataDir]);
  expect(reset).toMatchObject({ code: 0, stderr: '' });
  expect(reset.stdout).toMatch(/^Deleted numbers\/, tables\/.* in .*data\.\n$/);
  // What is locked while a server runs stays for the next one.
  expect(await readdir(dataDir)).toEqual(['lock']);

  const after = await launchServer({ dataDir });
  try {
    const toAfter = ['--port', String(after.port)];
    expect((await tally(['csvsum', 'x', ...toAfter])).stdout).toMatch(/ms\n0\n$/);
    const onlyFact = ['--tasks', '1', '--requests', '1', '--keys', '1', '--seed', '2', '--json'];
    const workload = await tally(['start', ...onlyFact, ...toAfter]);
    expect(JSON.parse(workload.stdout).cold).toMatchObject({ factRequests: 1, factsFound: 0 });
  } finally {
    await after.stop();
  }
});

describe('exit code 0', () => {
  test.each([
    { what: 'a missing folder', files: {} },
    { what: 'an empty folder', files: { 'data/numbers/data.mdb': '1' } },
  ])('$what: nothing to delete', async ({ files }) => {
    const cwd = await temporaryFolder(files);
    await tally(['reset', '--yes', '--data-dir', 'data'], { cwd });
    const again = await tally(['reset', '--data-dir', 'data'], { cwd });
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toMatch(/^Nothing to delete in .*data\.\n$/);
  });

  test('the default is tally-data where the command was called', async () => {
    const cwd = await temporaryFolder({ 'tally-data/numbers/data.mdb': '1', 'other.txt': '1' });
    const run = await tally(['reset', '--yes'], { env: { INIT_CWD: cwd } });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(await readdir(path.join(cwd, 'tally-data'))).toEqual(['lock']);
    expect(await readdir(cwd)).toContain('other.txt');
  });
});

describe('exit code 2, and nothing is deleted', () => {
  test('a server runs on the folder', async () => {
    const dataDir = path.join(await temporaryFolder({}), 'data');
    const server = await launchServer({ dataDir, args: ['--services', 'numbers'] });
    onTestFinished(() => void server.process.kill());
    const run = await tally(['reset', '--yes', '--data-dir', dataDir]);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain(`data is in use by process ${server.process.pid} on host `);
    expect(run.stderr).toMatch(/ Nothing was deleted\.\n$/);
    expect(await readdir(path.join(dataDir, 'numbers'))).toContain('data.mdb');
    await server.stop();
    expect(await tally(['reset', '--yes', '--data-dir', dataDir])).toMatchObject({ code: 0 });
  });

  test('without --yes: it says what it would delete', async () => {
    const cwd = await temporaryFolder(dataFiles);
    const run = await tally(['reset', '--data-dir', 'data'], { cwd });
    expect(run).toMatchObject({ code: 2 });
    expect(run.stdout).toMatch(/^This would delete numbers\/, tables\/, tmp\/ in .*data\. .*--yes/);
    expect(await readdir(path.join(cwd, 'data'))).toEqual(['numbers', 'tables', 'tmp']);
  });

  test.each([
    { what: 'a file of somebody', file: 'data/thesis.txt', sentence: /data holds thesis\.txt, / },
    { what: 'a folder of somebody', file: 'data/src/a.ts', sentence: /data holds src, / },
    { what: 'a hidden file', file: 'data/.git', sentence: /data holds \.git, / },
  ])('$what is in the folder', async ({ file, sentence }) => {
    const cwd = await temporaryFolder({ ...dataFiles, [file]: '1' });
    const run = await tally(['reset', '--yes', '--data-dir', 'data'], { cwd });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toMatch(sentence);
    expect(await readdir(path.join(cwd, 'data'))).toHaveLength(4);
  });

  test('one of its names is a file', async () => {
    const cwd = await temporaryFolder({ 'data/numbers': '1', 'data/tables/a.csv': '1' });
    const run = await tally(['reset', '--yes', '--data-dir', 'data'], { cwd });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toMatch(/data holds numbers, .* only the folders/);
  });

  test('the data folder is a file', async () => {
    const cwd = await temporaryFolder({ data: '1' });
    const run = await tally(['reset', '--yes', '--data-dir', 'data'], { cwd });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toMatch(/data is not a folder\.\n$/);
  });
});
