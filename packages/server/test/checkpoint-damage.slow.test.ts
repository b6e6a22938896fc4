import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { logger } from '../dist/logger.js';
import {
  asOf,
  checkpointedTables,
  checkpointName,
  commitName,
  logOf,
  noCaches,
  problemsOf,
  removeIndex,
  seenOf,
  untilLast,
  untilRemoved,
  uploadRow,
  uploadRows,
  withCopy,
} from './checkpointed-table.js';
import { eventually, withServer } from './server.js';
import { sumOf, upload } from './table-calls.js';
import { commitPath, tableFolders } from './table-files.js';

// Checkpoints that are damaged, foreign, or cannot be made: what is said of them, and what goes on.

const tables = checkpointedTables();

/** What this process, in which the server is, writes to its standard error while `work` runs. */
async function errorsOf(work: (said: () => string) => Promise<void>): Promise<string> {
  const lines: string[] = [];
  const said = () => lines.join('\n');
  const keep = (...said: unknown[]) => void lines.push(String(said.at(-1)));
  const spies = (['warn', 'error'] as const).map((level) =>
    vi.spyOn(logger, level).mockImplementation(keep),
  );
  try {
    await work(said);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return said();
}

const bytesOf = (dataDir: string, name: string) => readFile(path.join(logOf(dataDir), name));

async function change(dataDir: string, name: string, how: (bytes: Buffer) => Buffer | string) {
  await writeFile(path.join(logOf(dataDir), name), how(await bytesOf(dataDir, name)));
}

const flipped = (at: number) => (bytes: Buffer) => {
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  return bytes;
};

describe('a checkpoint that is damaged is told of, and nothing is lost', () => {
  const damages = [
    {
      what: 'a byte of its first row group is another',
      how: flipped(20),
      sentence: 'is damaged: the checksum of its bytes from 4 on is wrong',
    },
    {
      what: 'a byte of its footer is another',
      how: flipped(-40),
      sentence: 'is damaged: the checksum of its footer is wrong',
    },
    {
      what: 'its magic bytes are others',
      how: flipped(0),
      sentence: 'is damaged: the checksum of its footer is wrong',
    },
    {
      what: 'it is cut off',
      how: (bytes: Buffer) => bytes.subarray(0, bytes.length / 2),
      sentence: 'is damaged: it has no footer of a Parquet file',
    },
    {
      what: 'it is empty',
      how: () => '',
      sentence: 'is damaged: it has no footer of a Parquet file',
    },
  ];

  test.each(damages)('$what', ({ how, sentence }) =>
    withCopy(tables.whole, async (dataDir) => {
      await change(dataDir, checkpointName(200), how);
      await removeIndex(dataDir);
      const said = await errorsOf(() =>
        withServer({ dataDir, args: noCaches }, async (_server, connection) => {
          expect(await seenOf(connection, asOf)).toEqual(tables.seen);
        }),
      );
      expect(said).toContain(`${checkpointName(200)} ${sentence}`);
      expect(await problemsOf(dataDir)).toEqual([
        {
          kind: 'checkpoint',
          file: `tables/default/delta/_delta_log/${checkpointName(200)}`,
          what: sentence,
          toDo: 'move it elsewhere: the rest of the log has what it should hold',
        },
      ]);
    }),
  );

  test('a byte of a row group of chunks is another: later calls and checkpoints do without it', () =>
    withCopy(tables.whole, async (dataDir) => {
      await change(dataDir, checkpointName(200), flipped(5000));
      await errorsOf((said) =>
        withServer({ dataDir }, async (_server, { streamed }) => {
          expect((await uploadRow(streamed, 1)).isReplay).toBe(true);
          await uploadRows(streamed, 1000, 1070);
          const told =
            /200\.checkpoint\.parquet is damaged: .* A new checkpoint was made without it/;
          await eventually(async () => told.test(said()));
        }),
      );
      // What it was built upon is there, and so is all that came after that.
      expect(await readdir(logOf(dataDir))).toContain(checkpointName(100));
      await rm(path.join(logOf(dataDir), checkpointName(200)));
      expect(await problemsOf(dataDir)).toEqual([]);
    }));
});

describe('a checkpoint that is needed is damaged: the table is stopped until it is restored', () => {
  const restore =
    'restore it from a backup, as the commits that it has taken the place of are not there any more';

  test.each([
    { index: 'there', lose: async () => {} },
    { index: 'missing', lose: removeIndex },
  ])('its index is $index', ({ lose }) =>
    withCopy(tables.whole, async (dataDir) => {
      const sound = await bytesOf(dataDir, checkpointName(200));
      await change(dataDir, checkpointName(200), () => 'PAR1');
      await rm(path.join(logOf(dataDir), checkpointName(100)));
      await lose(dataDir);
      const sentence =
        `the table is stopped: the table's log (_delta_log/${checkpointName(200)}) is damaged: it ` +
        `has no footer of a Parquet file; ${restore}`;
      const said = await errorsOf(() =>
        withServer({ dataDir }, async (_server, { table, numbers }) => {
          expect(await sumOf(table, 'x')).toBe(sentence);
          expect(await upload(table, 'x\n1\n')).toBe(sentence);
          expect((await numbers.setNum({ key: 'a', value: 1n })).total).toBe(1n);
        }),
      );
      expect(said).toContain('The table is stopped');
      const [problem] = await problemsOf(dataDir);
      expect(problem).toMatchObject({
        kind: 'checkpoint',
        toDo: expect.stringMatching(/^restore/),
      });
      await change(dataDir, checkpointName(200), () => sound);
      await withServer({ dataDir, args: noCaches }, async (_server, connection) => {
        expect(await seenOf(connection, asOf)).toEqual(tables.seen);
      });
    }),
  );
});

describe('other damage to what is beside the commits', () => {
  const found = async (dataDir: string) =>
    (await problemsOf(dataDir)).map(({ file, what }) => `${path.basename(file)} ${what}`);

  test.each([
    { how: () => '{"version":2', what: 'is damaged: it is no JSON', grows: true },
    { how: () => '{"version":200,"size":3}', what: 'is not of Tally: it has no checksum' },
    {
      how: (bytes: Buffer) => bytes.toString().replace('200', '100'),
      what: 'is damaged: its checksum is wrong',
    },
  ])('_last_checkpoint $what, until the next one', ({ how, what, grows = false }) =>
    withCopy(tables.whole, async (dataDir) => {
      await change(dataDir, '_last_checkpoint', how);
      expect(await found(dataDir)).toEqual([`_last_checkpoint ${what}`]);
      const said = await errorsOf(() =>
        withServer({ dataDir }, async (_server, { streamed }) => {
          if (!grows) return;
          await uploadRows(streamed, 1000, 1070);
          await untilRemoved(dataDir, 199);
        }),
      );
      expect(said).toContain(`_last_checkpoint ${what}`);
      if (grows) expect(await found(dataDir)).toEqual([]);
    }),
  );

  test('a checkpoint of another program, of another version, or of other contents', () =>
    withCopy(tables.whole, async (dataDir) => {
      const log = logOf(dataDir);
      const { parquet } = tableFolders(dataDir);
      const [data = ''] = await readdir(parquet);
      await cp(path.join(parquet, data), path.join(log, checkpointName(150)));
      await cp(path.join(log, checkpointName(100)), path.join(log, checkpointName(220)));
      await withCopy(tables.before, async (other) => {
        await withServer({ dataDir: other }, async (_server, { streamed }) => {
          await uploadRow(streamed, 4711);
          await untilLast(other, 200);
        });
        await cp(path.join(logOf(other), checkpointName(200)), path.join(log, checkpointName(200)));
      });
      expect((await found(dataDir)).sort()).toEqual([
        `${checkpointName(150)} is not of Tally: another program has made it`,
        `${checkpointName(200)} does not hold what the commits say`,
        `${checkpointName(220)} is of version 100`,
      ]);
    }));

  test('a commit between the checkpoints is missing', () =>
    withCopy(tables.whole, async (dataDir) => {
      await rm(commitPath(dataDir, 150));
      expect(await found(dataDir)).toEqual([
        `${commitName(150)} is missing, but ${checkpointName(200)} has what it said`,
      ]);
      await withServer({ dataDir, args: noCaches }, async (_server, connection) => {
        expect(await seenOf(connection, asOf)).toEqual(tables.seen);
      });
    }));

  test('a commit after the last checkpoint is missing: the table is stopped', () =>
    withCopy(tables.whole, async (dataDir) => {
      await rm(commitPath(dataDir, 210));
      await removeIndex(dataDir);
      await withServer({ dataDir }, async (_server, { table }) => {
        expect(await sumOf(table, 'x')).toBe(
          `the table is stopped: the table's log (_delta_log/${commitName(210)}) is missing, but ` +
            'later commits are there',
        );
      });
    }));

  test('no checkpoint can be made: uploads are kept, it is said, and tried again', () =>
    withCopy(tables.before, async (dataDir) => {
      // A folder cannot be replaced by a file.
      await mkdir(path.join(logOf(dataDir), checkpointName(200)));
      const said = await errorsOf(() =>
        withServer({ dataDir }, async (_server, { streamed }) => {
          await uploadRows(streamed, 201, 301);
          await untilLast(dataDir, 300);
        }),
      );
      expect(said).toContain('The checkpoint of version 200 of the table could not be made in ');
      expect(said).toContain('nothing is lost, and it is tried again at version 300.');
      await rm(path.join(logOf(dataDir), checkpointName(200)), { recursive: true });
      expect(await problemsOf(dataDir)).toEqual([]);
    }));
});
