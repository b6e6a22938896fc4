import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import { BadRows, ColumnType, Compression, type CsvOptions, type DeepPartial } from '@tally/stubs';
import { describe, expect, test } from 'vitest';
import { verifyDataFolder } from '../dist/verify/verify.js';
import { keptCsv, messagesOf, uploadAs } from './csv-options.js';
import { keyed } from './keyed-calls.js';
import { eventually, sharedServer, withFolder, withProcess, withServer } from './server.js';
import { keep, sumOf, upload } from './table-calls.js';
import { listTableFiles, tableFolders } from './table-files.js';

describe('an upload with options and an idempotency key', () => {
  const shared = sharedServer();
  const declared = [
    ['n', ColumnType.COLUMN_TYPE_INT64],
    ['m', ColumnType.COLUMN_TYPE_DOUBLE],
  ] as const;
  const options: DeepPartial<CsvOptions> = {
    delimiter: ';',
    nullWords: ['NA'],
    types: new Map(declared),
    badRows: BadRows.BAD_ROWS_SKIP,
  };
  const sent = 'n;m\n1;2\nx;3\n4;NA\n5\n';

  /** Sends a file by a key; the rejected rows of the answer are not those of a replay. */
  async function send(key: string, csv: string, options: DeepPartial<CsvOptions>) {
    const call = keyed(key);
    const reply = await uploadAs(shared.connection.streamed, csv, options, call);
    return { reply, isReplay: call.isReplay() };
  }

  test('is kept once, and gets the same answer but for the rows that were left out', async () => {
    const first = await send('same', sent, options);
    expect(first).toMatchObject({
      reply: { error: '', rows: 2n, rejectedRowCount: 2n, csvBytes: 11n },
      isReplay: false,
    });
    expect(first.reply.rejectedRows.map(({ line }) => line)).toEqual([3n, 5n]);
    const types = new Map(declared.toReversed());
    for (const again of [options, { ...options, types, quote: '"', rejectedRowsMax: 100 }]) {
      expect(await send('same', sent, again)).toEqual({
        reply: { ...first.reply, rejectedRows: [] },
        isReplay: true,
      });
    }
    expect(await sumOf(shared.connection.table, 'n')).toBe(5n);
  });

  test.each<{ what: string; csv?: string; other?: DeepPartial<CsvOptions> }>([
    { what: 'other bytes', csv: sent.replace('4', '5') },
    { what: 'more bytes', csv: `${sent}6;6\n` },
    { what: 'another delimiter', other: { delimiter: ',' } },
    { what: 'another quote', other: { quote: "'" } },
    { what: 'no header', other: { noHeader: true } },
    { what: 'other null words', other: { nullWords: ['NA', 'N'] } },
    { what: 'another type', other: { types: new Map([['n', ColumnType.COLUMN_TYPE_INT64]]) } },
    { what: 'other bad rows', other: { badRows: BadRows.BAD_ROWS_UNSPECIFIED } },
    { what: 'more rejected rows', other: { rejectedRowsMax: 7 } },
    { what: 'a compression', other: { compression: Compression.COMPRESSION_GZIP } },
  ])('is refused with $what', async ({ what, csv = sent, other }) => {
    const key = what.replaceAll(' ', '-');
    expect((await send(key, sent, options)).reply.error).toBe('');
    const before = await listTableFiles(shared.server.dataDir);
    const { reply, isReplay } = await send(key, csv, { ...options, ...other });
    expect(reply.error).toBe(
      `the idempotency key "${key}" was used for another file: each file needs a key of its own`,
    );
    expect(isReplay).toBe(false);
    expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
  });

  test('is not the one of the same file without options, nor that the one of it', async () => {
    const csv = 'a,b\n1,2\n';
    expect((await send('plain', csv, {})).reply.error).toBe('');
    expect((await send('plain', csv, { quote: "'" })).reply.error).toMatch(/another file/);
    expect((await send('not-plain', csv, { quote: "'" })).reply.error).toBe('');
    expect((await send('not-plain', csv, {})).reply.error).toMatch(/another file/);
  });
});

test('what is kept of uploads with options is found well by a check', () =>
  withFolder(async (dataDir) => {
    await withServer({ dataDir }, async (_server, { streamed }) => {
      const { COLUMN_TYPE_STRING: string, COLUMN_TYPE_DOUBLE: double } = ColumnType;
      const types = new Map(Object.entries({ n: string, m: double }));
      const form = { delimiter: ';', nullWords: ['NA'], badRows: BadRows.BAD_ROWS_SKIP };
      for (const options of [form, { ...form, types }]) {
        const reply = await uploadAs(streamed, 'n;m;t\n1;2;","\n3;NA;\n4\n', options);
        expect(reply).toMatchObject({ error: '', rows: 2n });
      }
    });
    const report = await verifyDataFolder(dataDir);
    expect(report.problems).toEqual([]);
    expect(report.checked.chunks).toBe(2);
  }));

test('an upload with options is known again by a server that lost its index', () =>
  withFolder(async (dataDir) => {
    const options = { delimiter: ';', badRows: BadRows.BAD_ROWS_SKIP };
    const send = () =>
      withServer({ dataDir }, async (_server, { streamed }) => {
        const call = keyed('again');
        const reply = await uploadAs(streamed, 'n;m\n1;2\n3\n', options, call);
        return { ...reply, isReplay: call.isReplay() };
      });
    const first = await send();
    expect(first).toMatchObject({ error: '', rejectedRowCount: 1n, isReplay: false });
    await rm(tableFolders(dataDir).index, { recursive: true });
    expect(await send()).toEqual({ ...first, rejectedRows: [], isReplay: true });
  }));

test('a type that is declared goes with a chunk that is planned anew', () =>
  withServer({}, async (server, { streamed, table }) => {
    // The first that is committed gives the new column its type; the others go to other fields.
    const types = ['INT64', 'DOUBLE', 'STRING'] as const;
    const all = Array.from({ length: 12 }, (_, i) => types[i % 3] ?? 'INT64');
    const replies = await Promise.all(
      all.map((type) =>
        uploadAs(streamed, 'n\n7\n', {
          types: new Map([['n', ColumnType[`COLUMN_TYPE_${type}`]]]),
        }),
      ),
    );
    for (const [i, reply] of replies.entries()) {
      const type = ColumnType[`COLUMN_TYPE_${all[i] ?? 'INT64'}`];
      expect(reply).toMatchObject({ error: '', columns: [{ name: 'n', type }] });
      expect(await keptCsv(server, reply)).toBe('n\n7\n');
    }
    const { columns } = await streamed.describeTable({});
    expect(columns[0]?.types).toHaveLength(3);
    expect(await upload(table, 'n\n8\n')).toBe('');
  }));

const preload = (name: string) => `--import ${new URL(name, import.meta.url).href}`;

describe('a call that is cancelled', () => {
  const rows = 'x;y\n'.repeat(200_000);
  // What a thread does is held at a call of node:fs: before the nth it goes on.
  test.each([
    { phase: 'its file is unpacked', held: 'writeSync', files: 2 },
    { phase: 'its file is written anew', held: 'readSync', files: 3 },
    { phase: 'its files are put in their places', held: 'renameSync', files: 2 },
  ])('while $phase leaves nothing', ({ held, files }) =>
    withFolder(async (folder) => {
      const gate = path.join(folder, 'gate');
      const dataDir = path.join(folder, 'data');
      const countsFile = path.join(folder, 'counts');
      const env = {
        NODE_OPTIONS: `${preload('./count-open-files.mjs')} ${preload('./hold-file-work.mjs')}`,
        HELD_CALL: held,
        HELD_GATE: gate,
        COUNTED_FOLDER: tableFolders(dataDir).spool,
        COUNTS_FILE: countsFile,
      };
      await withProcess({ dataDir, env }, async (_server, { numbers, table, streamed }) => {
        const spooled = () => readdir(tableFolders(dataDir).spool);
        await keep(table, 'a\n1\n');
        const before = await listTableFiles(dataDir);
        await writeFile(gate, '');
        const abort = new AbortController();
        const options = { delimiter: ';', compression: Compression.COMPRESSION_GZIP };
        const sent = messagesOf(gzipSync(`a;b\n${rows}`), options);
        const outcome = streamed
          .upload(sent, { signal: abort.signal })
          .catch((error: Error) => error.name);
        await eventually(
          async () => (await readFile(`${gate}.waiting`).catch(() => '')).length > 0,
        );
        // A thread that starts late waits at the gate too, with what it loads.
        await eventually(async () => (await spooled()).length === files);
        const opened = await readFile(countsFile, 'utf8');
        abort.abort();
        expect(await outcome).toBe('AbortError');
        // On the same connection: when this is answered, the server knows of the other's end.
        await numbers.setNum({ key: 'a', value: 1n });
        await rm(gate);
        await eventually(async () => isDeepStrictEqual(await listTableFiles(dataDir), before));
        // The thread has not gone on to the next phase.
        expect(await readFile(countsFile, 'utf8')).toBe(opened);
        await keep(table, 'a\n2\n');
        expect(await sumOf(table, 'a')).toBe(3n);
      });
    }),
  );
});
