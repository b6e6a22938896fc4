import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { formatWritten } from '../dist/data-folder-format.js';
import { isWell, VerifyError, verifyDataFolder } from '../dist/verify/verify.js';
import { withFolder, withServer } from './server.js';
import { keep, sumOf } from './table-calls.js';

const released = Array.from({ length: formatWritten }, (_, i) => i + 1);

async function unpacked(format: number, folder: string): Promise<string> {
  const archive = path.join(import.meta.dirname, 'data-folders', `format-${format}.tar.gz`);
  await promisify(execFile)('tar', ['-xzf', archive, '-C', folder]);
  return path.join(folder, 'data');
}

const markIn = (dataDir: string) => readFile(path.join(dataDir, 'format.json'), 'utf8');

describe.each(released)('a data folder of format %i', (format) => {
  test('is whole', async () => {
    await withFolder(async (folder) => {
      const report = await verifyDataFolder(await unpacked(format, folder));
      expect(report.problems).toEqual([]);
      expect(isWell(report)).toBe(true);
    });
  });

  test('has all that was kept, and takes more', async () => {
    await withFolder(async (folder) => {
      const dataDir = await unpacked(format, folder);
      await withServer({ dataDir }, async (_, { numberService, table, streamed }) => {
        const page = await numberService.listNumbers({});
        expect(page.numbers.map(({ key, value }) => [key, value])).toEqual([
          ['a', 1n],
          ['b', -2n],
          ['größe', 9007199254740993n],
        ]);
        const { total } = await numberService.setNumber({ key: 'c', value: 1n });
        expect(total).toBe(9007199254740993n);
        expect(await sumOf(table, 'x')).toBe(43n);
        await keep(table, 'x\n1\n');
        expect(await sumOf(table, 'x')).toBe(44n);
        const { tables } = await streamed.listTables({});
        expect(tables.map(({ table }) => table)).toEqual(['default', 'other']);
      });
      expect(await verifyDataFolder(dataDir)).toMatchObject({ problems: [] });
    });
  });

  test('is marked where it was not', async () => {
    await withFolder(async (folder) => {
      const dataDir = await unpacked(format, folder);
      await rm(path.join(dataDir, 'format.json'));
      await withServer({ dataDir }, async () => {});
      expect(await markIn(dataDir)).toBe('{"format":1}\n');
    });
  });
});

test('a new data folder is marked, and nobody but its owner may enter it', async () => {
  await withFolder(async (folder) => {
    const dataDir = path.join(folder, 'new');
    await withServer({ dataDir }, async () => {});
    expect(await markIn(dataDir)).toBe(`{"format":${formatWritten}}\n`);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  });
});

test('a data folder that others may enter is closed to them', async () => {
  await withFolder(async (folder) => {
    const dataDir = path.join(folder, 'open');
    await mkdir(dataDir);
    await chmod(dataDir, 0o755);
    await withServer({ dataDir }, async () => {});
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  });
});

test.each([
  { mark: '{"format":2}', why: /has format 2, and this version of Tally knows those up to 1/ },
  { mark: '{"format":0}', why: /does not say which format the data has/ },
  { mark: '', why: /does not say which format the data has/ },
])('a data folder marked $mark is refused and left as it is', async ({ mark, why }) => {
  await withFolder(async (folder) => {
    const dataDir = path.join(folder, 'data');
    await mkdir(path.join(dataDir, 'numbers'), { recursive: true });
    await writeFile(path.join(dataDir, 'format.json'), mark);
    await expect(withServer({ dataDir }, async () => {})).rejects.toThrow(why);
    await expect(verifyDataFolder(dataDir)).rejects.toThrow(VerifyError);
    expect(await markIn(dataDir)).toBe(mark);
    expect(await readdir(path.join(dataDir, 'numbers'))).toEqual([]);
  });
});
