import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { crc32c } from '@node-rs/crc32';
import type { TableClient } from '@tally/stubs';
import { Metadata } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import { withFolder, withServer } from './server.js';
import { formats, keep, piecesOf, sumIn } from './table-calls.js';
import { commitPath, readCommits, tableFolders } from './table-files.js';

type Format = (typeof formats)[number];

interface LoggedFiles {
  readonly csv: string;
  readonly parquet: string;
  readonly csvCrc32c: number;
  readonly parquetCrc32c: number;
}

/** The files of each chunk, and their checksums as the log has them. */
async function loggedFiles(dataDir: string): Promise<LoggedFiles[]> {
  const adds = (await readCommits(dataDir)).flat().flatMap(({ add }) => (add ? [add] : []));
  const { csv, delta } = tableFolders(dataDir);
  return adds.map(({ path: parquet, tags }) => {
    const chunk = JSON.parse((tags as Record<string, string>)['tally.chunk'] ?? '');
    return {
      ...chunk,
      csv: path.join(csv, `${chunk.id}.csv`),
      parquet: path.join(delta, String(parquet)),
    };
  });
}

/** A sum that compares checksums: the total or the sentence, and how many files were compared. */
async function checkedSum(table: TableClient, column: string, format: string) {
  let checked: string | undefined;
  const { total, error } = await table.colSum(
    { column, format },
    {
      metadata: Metadata({ 'tally-verify-checksums': 'true' }),
      onTrailer: (trailer) => {
        checked = trailer.get('tally-files-checked');
      },
    },
  );
  return { sum: error === '' ? total : error, checked };
}

async function flipByte(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

test('the log has the checksum of each file: in one piece or several, of one pass or two', () =>
  withFolder((dataDir) =>
    withServer({ dataDir, args: ['--row-group-rows-max', '1000'] }, async (_, connection) => {
      const { table, streamed } = connection;
      const mixed = Array.from({ length: 2500 }, (_, i) => `${i},text ${i},0.5\n`).join('');
      // Longer than the part that types are guessed from, which here the last line contradicts.
      const late = `x\n${'1\n'.repeat(150_000)}text\n`;
      await keep(table, `\ufeffn,t,d\n${mixed}`, late, 'h\n');
      const { error } = await streamed.upload(
        piecesOf(`n,t\n${'7,seven\n'.repeat(1_500_000)}`, 65_536),
      );
      expect(error).toBe('');
      const files = await loggedFiles(dataDir);
      expect(files).toHaveLength(4);
      for (const { csv, parquet, csvCrc32c, parquetCrc32c } of files) {
        expect(crc32c(await readFile(csv))).toBe(csvCrc32c);
        expect(crc32c(await readFile(parquet))).toBe(parquetCrc32c);
      }
    }),
  ));

describe('a sum that compares checksums', () => {
  test('names the chunk and the format of a file that is not as it was written', () =>
    withFolder((dataDir) =>
      withServer({ dataDir }, async (_, { table }) => {
        await keep(table, 'x,note\n1,a\n', 'x,note\n2,b\n', 'y\n1\n');
        for (const format of formats) await expectDamageFound(dataDir, table, format);
        const metadata = Metadata({ 'tally-verify-checksums': 'yes' });
        const { error } = await table.colSum({ column: 'x', format: 'csv' }, { metadata });
        expect(error).toBe(
          'the metadata tally-verify-checksums is "yes": true or false is allowed',
        );
      }),
    ));

  async function expectDamageFound(dataDir: string, table: TableClient, format: Format) {
    expect(await checkedSum(table, 'x', format)).toEqual({ sum: 3n, checked: '2' });
    // In what a sum of x does not look at: in the note, and in the footer.
    const [, second] = await loggedFiles(dataDir);
    const at = format === 'csv' ? 'x,note\n2,'.length : -12;
    const file = second?.[format] ?? '';
    await flipByte(file, at < 0 ? (await readFile(file)).length + at : at);
    expect(await sumIn(table, 'x', format)).toBe(3n);
    const { sum } = await checkedSum(table, 'x', format);
    const kind = format === 'csv' ? 'CSV' : 'Parquet';
    expect(sum).toMatch(
      new RegExp(
        `^column "x" cannot be summed: in chunk 2, its ${kind} file is damaged: its CRC32C is ` +
          '[0-9a-f]{8}, and was [0-9a-f]{8} when it was written$',
      ),
    );
    expect(await checkedSum(table, 'y', format)).toEqual({ sum: 1n, checked: '1' });
  }

  test('has nothing to compare in a log of before there were checksums', () =>
    withFolder(async (dataDir) => {
      await withServer({ dataDir }, (_, { table }) => keep(table, 'x\n5\n'));
      const log = await readFile(commitPath(dataDir, 0), 'utf8');
      const before = log.replace(/,\\"(csv|parquet)Crc32c\\":[0-9]+/g, '');
      expect(before).not.toMatch(/Crc32c/);
      await writeFile(commitPath(dataDir, 0), before);
      await withServer({ dataDir }, async (_, { table }) => {
        for (const format of formats) {
          expect(await checkedSum(table, 'x', format)).toEqual({ sum: 5n, checked: '0' });
        }
      });
    }));
});
