import { randomBytes } from 'node:crypto';
import {
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchServer } from '../dist/launch.js';
import { lmdbFault } from '../src/lmdb-file.js';
import { lessWork, withFolder, withProcess, withServer } from './server.js';
import { keep, sumIn, sumOf } from './table-calls.js';
import { commitPath, tableFolders } from './table-files.js';

// What a start says of files in the data folder that are torn, foreign or in the wrong place.

const numbersFile = (dataDir: string) => path.join(dataDir, 'numbers', 'data.mdb');
const indexFile = (dataDir: string) => path.join(tableFolders(dataDir).index, 'data.mdb');

async function overwrite(file: string, position: number, bytes: Buffer): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.write(bytes, 0, bytes.length, position);
  await handle.close();
}

/** A data folder with numbers and a table, made once and copied for each test. */
let sound: string;
beforeAll(async () => {
  sound = await mkdtemp(path.join(tmpdir(), 'tally-test-'));
  await withServer({ dataDir: sound }, async (_server, { numbers, table }) => {
    for (let i = 0; i < 100; i++) await numbers.setNum({ key: `key ${i}`, value: 1n });
    await keep(table, 'x\n1\n', 'x\n20\n');
  });
});
afterAll(() => rm(sound, { recursive: true }));

const withData = (work: (dataDir: string) => Promise<void>) =>
  withFolder(async (folder) => {
    const dataDir = path.join(folder, 'data');
    await cp(sound, dataDir, { recursive: true });
    await work(dataDir);
  });

/** What a server says that refuses to start. */
async function refusal(dataDir: string): Promise<string> {
  const error = await launchServer({ dataDir, args: lessWork }).then(
    async (server) => {
      await server.stop();
      throw new Error('it started');
    },
    (reason: Error) => reason,
  );
  return error.message;
}

describe('an LMDB file', () => {
  const pageBytes = 4096;
  test.each([
    { what: 'is empty', damage: (file: string) => truncate(file, 0), fault: /^it is empty$/ },
    {
      what: 'is garbage',
      damage: (file: string) => writeFile(file, randomBytes(20_000)),
      fault: /^it does not begin as a file of LMDB does$/,
    },
    {
      what: 'is a folder',
      damage: async (file: string) => {
        await rm(file);
        await mkdir(file);
      },
      fault: /^it is not a file$/,
    },
    {
      what: 'ends in its first header',
      damage: (file: string) => truncate(file, 100),
      fault: /^it does not begin as a file of LMDB does$/,
    },
    {
      what: 'ends after its first header',
      damage: (file: string) => truncate(file, pageBytes),
      fault: /^its second header is missing or damaged$/,
    },
    {
      what: 'ends after its headers',
      damage: (file: string) => truncate(file, 2 * pageBytes),
      fault: /^it has \d+ bytes, and its page \d+ is not in them$/,
    },
    {
      what: 'has zeros in place of all its data',
      damage: async (file: string) =>
        overwrite(file, 2 * pageBytes, Buffer.alloc((await readFile(file)).length - 2 * pageBytes)),
      fault: /^its page \d+, the root of a tree, is damaged$/,
    },
    {
      what: 'is of a later LMDB',
      damage: (file: string) => overwrite(file, 28, Buffer.from([3, 0, 0, 0])),
      fault: /^its format is version 3 of LMDB's, and only 2 can be read$/,
    },
    {
      what: 'has pages of no size',
      damage: (file: string) => overwrite(file, 48, Buffer.alloc(4)),
      fault: /^its header says that a page has 0 bytes$/,
    },
  ])('that $what is told from a sound one', ({ damage, fault }) =>
    withData(async (dataDir) => {
      for (const file of [numbersFile(dataDir), indexFile(dataDir)]) {
        expect(await lmdbFault(file)).toBeUndefined();
        await damage(file);
        expect(await lmdbFault(file)).toMatch(fault);
      }
    }),
  );

  test('that lacks pages at its end which no tree has is sound', () =>
    withData(async (dataDir) => {
      for (const file of [numbersFile(dataDir), indexFile(dataDir)]) {
        const bytes = await readFile(file);
        const [lastPage, transaction] = [144, 152];
        const newest = [0, pageBytes].reduce((a, b) =>
          bytes.readBigUInt64LE(a + transaction) > bytes.readBigUInt64LE(b + transaction) ? a : b,
        );
        bytes.writeBigUInt64LE(bytes.readBigUInt64LE(newest + lastPage) + 9n, newest + lastPage);
        await writeFile(file, bytes);
        expect(await lmdbFault(file)).toBeUndefined();
        await truncate(file, 2 * pageBytes);
        expect(await lmdbFault(file)).toMatch(/is not in them$/);
      }
    }));
});

test('damaged numbers are refused with what to do, and left as they are', () =>
  withData(async (dataDir) => {
    const file = numbersFile(dataDir);
    await truncate(file, 0);
    expect(await refusal(dataDir)).toContain(
      `The numbers cannot be opened, because ${file} is damaged: it is empty. Restore that file ` +
        `from a backup, or move the folder ${path.dirname(file)} away to start without numbers. ` +
        'Nothing was changed.',
    );
    expect((await readFile(file)).length).toBe(0);
  }));

test('a damaged index is made anew from the log, which is logged', () =>
  withData(async (dataDir) => {
    const file = indexFile(dataDir);
    await truncate(file, 3 * 4096);
    await withProcess({ dataDir }, async (server, { table }) => {
      expect(server.output()).toMatch(
        /"The table's index was damaged and is made anew from the log: of \S+data\.mdb, it has /m,
      );
      expect(await sumOf(table, 'x')).toBe(21n);
    });
    expect(await lmdbFault(file)).toBeUndefined();
  }));

const unreadable = [
  {
    what: 'is not as Tally writes it',
    spoil: async (file: string) =>
      writeFile(file, (await readFile(file, 'utf8')).replace('\\"csvBytes', '\\csvBytes')),
    why: 'is not readable: ',
  },
  {
    what: 'is a folder',
    spoil: async (file: string) => {
      await rm(file);
      await mkdir(file);
    },
    why: 'cannot be read (EISDIR)',
  },
];
test.each(unreadable)('a log entry that $what stops the table, which is logged', ({ spoil, why }) =>
  withData(async (dataDir) => {
    await spoil(commitPath(dataDir, 1));
    await withProcess({ dataDir }, async (server, { table, numbers }) => {
      const sentence = `able is stopped: the table's log (_delta_log/${'1'.padStart(20, '0')}.json) ${why}`;
      expect(server.output()).toContain(`The t${sentence}`);
      expect(await sumIn(table, 'x', 'csv')).toContain(`the t${sentence}`);
      expect(await numbers.setNum({ key: 'key 0', value: 1n })).toEqual({ total: 100n });
    });
  }),
);

test.each(['numbers', 'tables/default/delta/parquet'])(
  'a file in the place of the folder %s is refused',
  (name) =>
    withData(async (dataDir) => {
      const folder = path.join(dataDir, name);
      await rm(folder, { recursive: true });
      await writeFile(folder, 'mine');
      expect(await refusal(dataDir)).toContain(
        `${folder} is a file, and should be a folder of Tally's: move it away, or choose another ` +
          'folder for the data with --data-dir. Nothing was changed.',
      );
      expect(await readFile(folder, 'utf8')).toBe('mine');
    }),
);

test('what others have put into tmp stays there, which is logged', () =>
  withData(async (dataDir) => {
    const { spool } = tableFolders(dataDir);
    await mkdir(path.join(spool, 'thesis'));
    await writeFile(path.join(spool, 'thesis', '1.txt'), 'mine');
    await writeFile(path.join(spool, '00000000-0000-4000-8000-000000000000.csv'), 'of a crash');
    await withProcess({ dataDir }, async (server) => {
      expect(server.output()).toContain(
        `${spool} holds thesis, which Tally did not make: it stays there.`,
      );
    });
    expect(await readdir(spool)).toEqual(['thesis']);
  }));

test('a folder with things of others and no data is refused, and left as it is', () =>
  withFolder(async (folder) => {
    for (const name of ['a.txt', 'tmp', 'lock', '.hidden']) {
      await writeFile(path.join(folder, name), 'mine');
    }
    expect(await refusal(folder)).toContain(
      `${folder} holds a.txt, and no data of Tally's: is it the right folder? Choose an empty or a ` +
        'missing one with --data-dir. Nothing was changed.',
    );
    expect(await readdir(folder)).toHaveLength(4);
  }));

test.skipIf(process.platform !== 'linux')(
  'a data folder that the system cannot have is a sentence',
  async () => {
    expect(await refusal('/proc/tally/data')).toMatch(
      /Cannot open the data in \/proc\/tally\/data: ENOENT: .* with --data-dir\./,
    );
  },
);
