import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from './run.js';
import { root } from './workspace.js';

let server: LaunchedServer;
beforeAll(async () => {
  server = await launchServer();
});
afterAll(() => server?.stop());

test('the example calls every method of a running server', async () => {
  const main = 'examples/import-stubs/dist/main.js';
  const { code, output } = await run(process.execPath, [main, server.address], root);
  const lines = output.trimEnd().split('\n');
  const unknown = lines.splice(2, 1)[0];
  expect(lines).toEqual([
    'SetNum five = 5: the total of all numbers is 5',
    'Fact five: 120 (computed)',
    'Upload of two rows: success',
    'ColSum of x from csv: 4',
    'ColSum of x from parquet: 4',
  ]);
  expect(unknown).toMatch(/^Fact of an unknown key: \w+ .*nobody set this/);
  expect(code).toBe(0);
});
