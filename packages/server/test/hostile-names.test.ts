import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { type Connection, withFolder, withServer } from './server.js';
import { formats, keep, sumIn, sumOf, upload } from './table-calls.js';
import { type DeltaChunk, listTableFiles, readDeltaTable } from './table-files.js';

const kib = 1024;

/** Names that are all different, and that a careless program mixes up, or takes for something else. */
const names = [
  // Of every object in JavaScript.
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf'],
  ...['__defineGetter__', 'length', 'then', 'undefined', 'null', 'NaN'],
  // Paths.
  ...['../x', '../../../../etc/passwd', '/etc/passwd', 'C:\\x', '..\\x', '.', '..', '/', '\\'],
  ...['~', '%2e%2e%2fx', 'CON', 'x.parquet', 'file:///etc/passwd', '_delta_log', 'default'],
  // Control characters and quotes.
  ...['\0', 'a\0', 'a\0b', '\n', 'a\nb', 'a\r\nb', '\t', 'a\tb', '\x1b[2J', '\x7f', '\u0085'],
  ...['"', '""', 'a"b', "'", '`', '$(x)', '%s', '{{x}}', '<b>', "'; DROP TABLE x; --"],
  // Spaces only, and around.
  ...[' ', '  ', '\u00a0', '\u3000', '\u200b', 'x', ' x', 'x ', '\ufeffx'],
  // That look alike: composed and decomposed, Cyrillic, joiners, directions, ligatures, widths.
  ...[
    'é',
    'e\u0301',
    'a',
    '\u0430',
    '\u03b1',
    'a\u200d',
    'a\u200c',
    '\u200da',
    '\u202ea',
    '\u200fa',
  ],
  ...[
    'fi',
    '\ufb01',
    '\uff41',
    '\u212b',
    '\u00c5',
    'A\u030a',
    '\ufffd',
    '\ufffd\ufffd',
    '\u{e0061}',
  ],
  // That differ by case only, as Unicode knows it.
  ...[
    'case',
    'Case',
    'CASE',
    'ß',
    'ẞ',
    'SS',
    'ss',
    'İ',
    'i\u0307',
    'ı',
    'I',
    'i',
    'K',
    '\u212a',
    'k',
  ],
  // Long ones that differ at the end only.
  ...['1', '2', 'é'].map((end) => 'x'.repeat(kib - 2) + end),
  '🎲'.repeat(kib / 4),
];

/** Never set or uploaded anywhere here, and known to every object of JavaScript. */
const inherited = ['isPrototypeOf', '__lookupGetter__', 'toLocaleString', 'propertyIsEnumerable'];

/** Every file and folder below a folder. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries.sort();
}

/** Every file that a data folder may have: none has a part of a client's name in its own. */
const ownFiles = [
  /^(numbers|tables|tmp|tables\/default(\/(csv|delta|index|delta\/(_delta_log|parquet)))?)$/,
  /^lock$/,
  /^(numbers|tables\/default\/index)\/(data|lock)\.mdb(-lock)?$/,
  /^format\.json$/,
  /^tables\/default\/(csv|delta\/parquet)\/[0-9a-f-]{36}\.(csv|parquet)$/,
  /^tables\/default\/delta\/_delta_log\/[0-9]{20}\.json$/,
];

/** Runs `work` with a data folder in a folder of its own, and sees that nothing else is written. */
const withinDataFolder = (work: (dataDir: string) => Promise<void>) =>
  withFolder(async (parent) => {
    const dataDir = path.join(parent, 'outer', 'data');
    await work(dataDir);
    expect(await readdir(parent)).toEqual(['outer']);
    expect(await readdir(path.dirname(dataDir))).toEqual(['data']);
    const strange = (file: string) => !ownFiles.some((own) => own.test(file));
    expect((await filesBelow(dataDir)).filter(strange)).toEqual([]);
  });

const csvOf = (columns: readonly string[], row: readonly unknown[]) =>
  `${columns.map((name) => `"${name.replaceAll('"', '""')}"`).join(',')}\n${row.join(',')}\n`;

it('has names that are all different', () => {
  expect(new Set(names).size).toBe(names.length);
});

describe('columns', () => {
  /** Each column's sum is its own, in both formats. */
  async function expectSums({ table }: Connection, times: bigint): Promise<void> {
    for (const [i, name] of names.entries()) {
      const sum = [name, await sumOf(table, name)];
      expect(sum).toEqual([name, BigInt(i + 1) * 1000n * times]);
    }
    for (const name of inherited) expect([name, await sumOf(table, name)]).toEqual([name, 0n]);
  }

  it('are kept apart and come back exactly, whatever they are called', () =>
    withinDataFolder(async (dataDir) => {
      const values = names.map((_, i) => (i + 1) * 1000);
      await withServer({ dataDir }, async (server, connection) => {
        for (const name of names) expect(await sumOf(connection.table, name)).toBe(0n);
        await keep(connection.table, csvOf(names, values));
        await keep(connection.table, csvOf(names.toReversed(), values.toReversed()));
        await expectSums(connection, 2n);
        const { chunks } = await readDeltaTable(server.dataDir);
        expect([...(chunks[0] as DeltaChunk).fields.keys()]).toEqual(names);
      });
      // From the log and the index, as they are on the disk.
      await withServer({ dataDir }, async (_server, connection) => {
        await expectSums(connection, 2n);
        await keep(connection.table, csvOf(names, values));
        await expectSums(connection, 3n);
      });
    }));

  it('are refused past --column-name-bytes-max, and kept at it', () =>
    withinDataFolder((dataDir) => {
      const most = 64 * kib;
      const args = ['--column-name-bytes-max', String(most)];
      return withServer({ dataDir, args }, async ({ dataDir }, { table }) => {
        for (const name of ['x'.repeat(most), '🎲'.repeat(most / 4), '/'.repeat(most)]) {
          await keep(table, csvOf([name], [7]), csvOf(['other', name], [1, 8]));
          expect(await sumOf(table, name)).toBe(15n);
          const before = await listTableFiles(dataDir);
          const sentence = await upload(table, csvOf([`${name}y`], [7]));
          expect(sentence).toMatch(/^line 1.*65,?537 bytes.*65,?536/);
          expect(await listTableFiles(dataDir)).toEqual(before);
          expect(await sumOf(table, `${name}y`)).toBe(0n);
        }
      });
    }));

  it('are refused if they are not UTF-8', () =>
    withinDataFolder((dataDir) =>
      withServer({ dataDir }, async (_server, { table }) => {
        // A lone surrogate, a slash in two bytes, a character that is cut, and what no character has.
        for (const hex of ['eda080', 'c0af', 'c3', 'ff']) {
          const name = Buffer.from(`61${hex}`, 'hex');
          const sentence = await upload(table, Buffer.concat([name, Buffer.from('\n1\n')]));
          expect(sentence, hex).toMatch(/^line 1.*UTF-8/);
        }
        expect((await listTableFiles(dataDir)).csv).toEqual([]);
        expect(await sumOf(table, 'a\ufffd')).toBe(0n);
      }),
    ));

  it('are not summed in a format that only JavaScript knows', () =>
    withServer({}, async (_server, { table }) => {
      for (const format of [...inherited, '__proto__', 'constructor', '../csv', 'csv\0', 'CSV']) {
        expect(await sumIn(table, 'a', format)).toBe(
          `the format ${JSON.stringify(format)} is unknown: csv or parquet is allowed`,
        );
      }
      for (const known of formats) expect(await sumIn(table, 'a', known)).toBe(0n);
    }));
});

describe('keys of numbers', () => {
  /** Each number is its own: a negative one is named in the sentence on its factorial. */
  async function expectNumbers({ numbers }: Connection): Promise<void> {
    for (const [i, key] of names.entries()) {
      const { error } = await numbers.fact({ key });
      expect([key, error]).toEqual([key, expect.stringContaining(` is -${i + 1}: a negative`)]);
    }
    for (const key of inherited) {
      const { error } = await numbers.fact({ key });
      expect(error).toBe(`no number is called ${JSON.stringify(key)}: set it first`);
    }
  }

  it('are kept apart, whatever they are', () =>
    withinDataFolder(async (dataDir) => {
      const total = -names.reduce((sum, _, i) => sum + BigInt(i + 1), 0n);
      await withServer({ dataDir }, async (_server, connection) => {
        const { numbers } = connection;
        for (const key of names) {
          expect((await numbers.fact({ key })).error).toContain('no number is called');
        }
        let sum = 0n;
        for (const [i, key] of names.entries()) {
          sum -= BigInt(i + 1);
          expect(await numbers.setNum({ key, value: BigInt(-i - 1) })).toEqual({ total: sum });
        }
        await expectNumbers(connection);
      });
      await withServer({ dataDir }, async (_server, connection) => {
        await expectNumbers(connection);
        const { numbers } = connection;
        expect(await numbers.setNum({ key: 'one more', value: 0n })).toEqual({ total });
      });
    }));

  it('are refused past 1,024 bytes, and 64 KiB of them too', () =>
    withServer({}, async (_server, { numbers }) => {
      for (const key of ['x'.repeat(kib + 1), `${'é'.repeat(kib / 2)}x`, '\0'.repeat(64 * kib)]) {
        await expect(numbers.setNum({ key, value: 1n })).rejects.toMatchObject({
          code: Status.INVALID_ARGUMENT,
          details: `the key has ${Buffer.byteLength(key)} bytes: 1 to 1024 bytes of UTF-8 are allowed`,
        });
      }
      expect(await numbers.setNum({ key: 'x', value: 0n })).toEqual({ total: 0n });
    }));
});
