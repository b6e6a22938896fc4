import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from './temporary-folder.js';

/** What each example prints, with its line ends as spaces; export.ts is in another file. */
const printed: Readonly<Record<string, RegExp>> = {
  'numbers.ts': /^the sum of all numbers: 41n .* 30! = 265252859812191058636308480000000n 40! = /,
  'tables.ts':
    /a chunk of 2 rows the mistake of 1 rows .* people 2 3962838n .* 3 before default 0 $/,
  'upload.ts':
    /^sent 600012 bytes 100000 rows of item: string, amount: int64 1000 rows kept once $/,
  'errors.ts': /^NOT_FOUND NUMBER_NOT_FOUND .* REFUSED line 2: .* table the table name .* 3n $/,
};

let server: LaunchedServer;
beforeAll(async () => {
  server = await launchServer();
});
afterAll(() => server.stop());

test('there is one of each', async () => {
  const files = await readdir(new URL('../examples', import.meta.url));
  const examples = files.filter((name) => name.endsWith('.ts'));
  expect(examples.toSorted()).toEqual([...Object.keys(printed), 'export.ts'].toSorted());
});

test.each(Object.entries(printed))('%s runs, and prints what it should', async (name, expected) => {
  const file = new URL(`../examples/dist/${name.replace('.ts', '.js')}`, import.meta.url);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [fileURLToPath(file)], {
    cwd: await temporaryFolder({}),
    env: { ...process.env, TALLY_ADDRESS: server.address },
  });
  expect(stderr).toBe('');
  expect(stdout.replaceAll('\n', ' ')).toMatch(expected);
});
