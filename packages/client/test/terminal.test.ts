import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toJson } from '../dist/terminal/json.js';
import { fittingWidths } from '../dist/terminal/table.js';
import { tally } from './run-tally.js';
import { temporaryFolder } from './temporary-folder.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

let server: LaunchedServer;

beforeAll(async () => {
  server = await launchServer({ args: ['--durability', 'os'] });
});
afterAll(() => server.stop());

/** Starts `tally` on a terminal of its own, so many columns wide; `ended` resolves to what it shows. */
function onTerminal(args: readonly string[], columns: number) {
  const command = [process.execPath, main, ...args, '--port', String(server.port)];
  const quoted = command.map((each) => `'${each}'`).join(' ');
  const child = spawn('script', ['-qec', `stty cols ${columns}; ${quoted}`, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    shown += text;
  });
  return { shown: () => shown, ended: once(child, 'close').then(() => shown) };
}

describe('a table on the terminal', () => {
  beforeAll(async () => {
    const toServer = ['--port', String(server.port)];
    await tally(['set', `wide/${'long '.repeat(30)}`, '123456789012345', ...toServer]);
    await tally(['set', `wide/${'数'.repeat(60)}`, '-1', ...toServer]);
  });

  test.each([60, 100])(
    'is no wider than its %d columns, and numbers are whole',
    async (columns) => {
      const shown = await onTerminal(['numbers', 'wide/'], columns).ended;
      const [title, long, chinese] = shown.split('\r\n');
      const room = columns - '123456789012345'.length - 2;
      expect(title).toBe(`${'key'.padEnd(room)}            value`);
      expect(long).toMatch(/^wide\/long .*… +123456789012345$/);
      expect(long).toHaveLength(columns);
      // Each of these characters takes two columns.
      expect(chinese).toMatch(/^wide\/数+… +-1$/);
      expect([...(chinese ?? '')].filter((each) => each === '数')).toHaveLength(
        Math.floor((room - 6) / 2),
      );
    },
  );

  test('in a file is not cut', async () => {
    const { stdout } = await tally(['numbers', 'wide/', '--port', String(server.port)]);
    expect(stdout).toContain('long '.repeat(30));
  });
});

describe('the width of columns', () => {
  const columns = [{ title: 'a' }, { title: 'b' }, { title: 'n', isNumber: true }];
  const row = (a: number, b: number, n: number) => ['x'.repeat(a), 'y'.repeat(b), '1'.repeat(n)];

  test.each([
    { what: 'all fit', widths: [5, 9, 3], widthMax: 21, expected: [5, 9, 3] },
    { what: 'the widest text is cut first', widths: [5, 9, 3], widthMax: 20, expected: [5, 8, 3] },
    { what: 'then all of them', widths: [30, 40, 3], widthMax: 47, expected: [20, 20, 3] },
    { what: 'numbers never', widths: [30, 40, 30], widthMax: 20, expected: [6, 6, 30] },
  ])('$what', ({ widths: [a = 0, b = 0, n = 0], widthMax, expected }) => {
    expect(fittingWidths(columns, [row(a, b, n), row(1, 1, 1)], widthMax)).toEqual(expected);
  });
});

describe('a progress bar', () => {
  test('is shown on a terminal once a second has passed, with MB and MB/s; and is taken off', async () => {
    const cwd = await temporaryFolder({});
    const pipe = path.join(cwd, 'slow pipe.csv');
    execFileSync('mkfifo', [pipe]);
    const { shown, ended } = onTerminal(['upload', pipe], 120);
    const writer = createWriteStream(pipe);
    writer.write('slow\n');
    while (!/[0-9.]+ MB \| [0-9.]+ MB\/s \| .*slow pipe\.csv/.test(shown())) {
      writer.write('1\n'.repeat(10_000));
      await delay(20);
    }
    writer.end();
    expect(await ended).toMatch(/success\r\n$/);
  });

  test('says how much there is, and how long it takes, where that is known', async () => {
    const { shown, ended } = onTerminal(['bigdata', '--batches', '150', '--rows', '3000'], 120);
    const text = await ended;
    expect(shown()).toBe(text);
    expect(text).toMatch(
      /=-+ [0-9]+\/150 files \| [0-9,]+ rows\/s, [0-9.]+ MB\/s \| [0-9]+ s left/,
    );
    expect(text).toMatch(/Uploaded 150 files: 450,000 rows/);
  });
});

test('JSON has integers of data as strings, and what JSON does not know too', () => {
  const value = {
    sum: 2n ** 64n,
    count: 3,
    mean: 0.5,
    max: Number.NaN,
    min: -Infinity,
    none: undefined,
  };
  expect(toJson(value)).toBe(
    '{"sum":"18446744073709551616","count":3,"mean":0.5,"max":"NaN","min":"-Infinity"}',
  );
});
