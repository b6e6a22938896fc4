import { rm } from 'node:fs/promises';
import { UploadRequest } from '@tally/stubs';
import { type ClientError, Status } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import { badKeys, dyingBeforeReply, hoursAhead, keyed } from './keyed-calls.js';
import { type Connection, sharedServer, withFolder, withProcess, withServer } from './server.js';
import { keep, piecesOf, sumOf } from './table-calls.js';
import { listTableFiles, readDeltaTable, tableFolders } from './table-files.js';

/** Uploads by the frozen call; resolves to the sentence of the answer and whether it is a replay. */
async function upload({ table }: Connection, csv: string, key: string) {
  const call = keyed(key);
  const { error } = await table.upload({ csvData: Buffer.from(csv) }, call);
  return { error, isReplay: call.isReplay() };
}

/** Uploads by the streamed call, with the key in the metadata. */
async function stream({ streamed }: Connection, csv: string, key: string) {
  const call = keyed(key);
  const answer = await streamed.upload(piecesOf(csv, 3), call);
  return { ...answer, isReplay: call.isReplay() };
}

const kept = { error: '', isReplay: false };
const replayed = { error: '', isReplay: true };

const otherFile = (key: string) =>
  `the idempotency key "${key}" was used for another file: each file needs a key of its own`;

describe('an upload with an idempotency key', () => {
  const shared = sharedServer();

  test('is kept once, however often it comes, by whichever call', async () => {
    const csv = 'once,note\n1,a\n2,b\n';
    expect(await upload(shared.connection, csv, 'once')).toEqual(kept);
    expect(await upload(shared.connection, csv, 'once')).toEqual(replayed);
    const answer = { error: '', rows: 2n, csvBytes: 18n };
    expect(await stream(shared.connection, csv, 'once')).toMatchObject({
      ...answer,
      isReplay: true,
    });
    const first = await stream(shared.connection, csv, 'again');
    expect(first).toMatchObject({ ...answer, isReplay: false });
    expect(await stream(shared.connection, csv, 'again')).toEqual({ ...first, isReplay: true });
    expect(await sumOf(shared.connection.table, 'once')).toBe(6n);
  });

  test('is kept once when it comes 20 times at once', async () => {
    const csv = `many\n${'1\n'.repeat(1000)}`;
    const before = await listTableFiles(shared.server.dataDir);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => upload(shared.connection, csv, 'twenty')),
    );
    expect(answers.filter(({ isReplay }) => !isReplay)).toEqual([kept]);
    expect(answers.filter(({ isReplay }) => isReplay)).toEqual(Array(19).fill(replayed));
    expect(await sumOf(shared.connection.table, 'many')).toBe(1000n);
    const after = await listTableFiles(shared.server.dataDir);
    expect(after.csv).toHaveLength(before.csv.length + 1);
    expect(after.spool).toEqual([]);
  });

  test('may be of many files at once, each with its key', async () => {
    const each = Array.from({ length: 20 }, (_, i) => [`each\n${i}\n`, `each-${i}`] as const);
    for (const answer of [kept, replayed]) {
      expect(
        await Promise.all(each.map(([csv, key]) => upload(shared.connection, csv, key))),
      ).toEqual(each.map(() => answer));
    }
    expect(await sumOf(shared.connection.table, 'each')).toBe(190n);
  });

  test.each([
    { what: 'more', csv: 'other\n1\n1\n' },
    { what: 'other', csv: 'other\n2\n' },
  ])('is refused with $what bytes, and nothing is kept', async ({ what, csv }) => {
    expect(await upload(shared.connection, 'other\n1\n', what)).toEqual(kept);
    const before = await listTableFiles(shared.server.dataDir);
    const refused = { error: otherFile(what), isReplay: false };
    expect(await upload(shared.connection, csv, what)).toEqual(refused);
    expect(await stream(shared.connection, csv, what)).toMatchObject({ ...refused, rows: 0n });
    expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
  });

  test('may come again with its key once its file is right', async () => {
    const sentence = 'line 2: the row has 1 field, but the header has 2: each row needs as many';
    const faulty = { error: sentence, isReplay: false };
    const answers = Array.from({ length: 5 }, () =>
      upload(shared.connection, 'right,b\n1', 'right'),
    );
    expect(await Promise.all(answers)).toEqual(Array(5).fill(faulty));
    expect(await upload(shared.connection, 'right,b\n1,2\n', 'right')).toEqual(kept);
    expect(await sumOf(shared.connection.table, 'right')).toBe(1n);
  });

  test('may have the key of a set', async () => {
    const call = keyed('of-both');
    await shared.connection.numbers.setNum({ key: 'a', value: 1n }, call);
    expect(await upload(shared.connection, 'both\n1\n', 'of-both')).toEqual(kept);
    await shared.connection.numbers.setNum({ key: 'a', value: 1n }, call);
    expect(call.isReplay()).toBe(true);
  });

  test('may have its key in its first message', async () => {
    const send = async (metadata?: string) => {
      const call = metadata === undefined ? undefined : keyed(metadata);
      const { rows } = await shared.connection.streamed.upload(messages('field'), call);
      return rows;
    };
    expect([await send(), await send(), await send('field')]).toEqual([2n, 2n, 2n]);
    expect(await upload(shared.connection, 'field\n1\n2\n', 'field')).toEqual(replayed);
    expect(await sumOf(shared.connection.table, 'field')).toBe(3n);
    await expect(send('another')).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      details:
        'the idempotency key is "another" in the metadata and "field" in the message: give it once',
    });
  });

  test.each(badKeys)('must not have $name', async ({ key, sentence }) => {
    const before = await listTableFiles(shared.server.dataDir);
    const refusal = { code: Status.INVALID_ARGUMENT, details: sentence };
    await expect(upload(shared.connection, 'bad\n1\n', key)).rejects.toMatchObject(refusal);
    await expect(stream(shared.connection, 'bad\n1\n', key)).rejects.toMatchObject(refusal);
    await expect(shared.connection.streamed.upload(messages(key))).rejects.toMatchObject(refusal);
    expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
  });

  test('may have a key of 128 characters', async () => {
    const key = '!~'.repeat(64);
    expect(await upload(shared.connection, 'long\n1\n', key)).toEqual(kept);
    expect(await upload(shared.connection, 'long\n1\n', key)).toEqual(replayed);
  });
});

/** A file in two messages; the key of the second one does not count. */
async function* messages(idempotencyKey: string): AsyncGenerator<UploadRequest> {
  yield UploadRequest.fromPartial({ csvData: Buffer.from('field\n1'), idempotencyKey });
  yield { csvData: Buffer.from('\n2\n'), idempotencyKey: 'later' };
}

test('an upload is kept each time that it comes without a key', () =>
  withServer({}, async (_server, { table }) => {
    const csv = 'x\n3\n';
    await keep(table, csv, csv);
    expect(await sumOf(table, 'x')).toBe(6n);
  }));

test('an upload whose reply was lost because the server was killed is kept once, for a day', () =>
  withFolder(async (dataDir) => {
    const csv = 'x,note\n1,a\n2,b\n';
    await withProcess({ dataDir, nodeArgs: dyingBeforeReply }, async (_server, connection) => {
      const error: ClientError = await upload(connection, csv, 'lost').catch((error) => error);
      expect(error.code).toBe(Status.UNAVAILABLE);
    });
    await withServer({ dataDir }, async (_server, connection) => {
      expect(await upload(connection, csv, 'lost')).toEqual(replayed);
      expect(await sumOf(connection.table, 'x')).toBe(3n);
    });
    const almost = { dataDir, nodeArgs: hoursAhead(23) };
    await rm(tableFolders(dataDir).index, { recursive: true });
    await withProcess(almost, async (_server, connection) => {
      expect(await stream(connection, csv, 'lost')).toMatchObject({ rows: 2n, isReplay: true });
      expect(await upload(connection, 'x\n1\n', 'lost')).toMatchObject({
        error: otherFile('lost'),
      });
    });
    expect((await readDeltaTable(dataDir)).chunks).toHaveLength(1);
    const later = { dataDir, nodeArgs: hoursAhead(25), args: ['--idempotency-keys-max', '2'] };
    await rm(tableFolders(dataDir).index, { recursive: true });
    await withProcess(later, async (_server, connection) => {
      expect(await upload(connection, csv, 'lost')).toEqual(kept);
      expect(await upload(connection, csv, 'second')).toEqual(kept);
      expect(await upload(connection, csv, 'lost')).toEqual(replayed);
      expect(await upload(connection, csv, 'third')).toEqual(kept);
      expect(await upload(connection, csv, 'second')).toEqual(replayed);
      expect(await upload(connection, csv, 'lost')).toEqual(kept);
      await keep(connection.table, csv);
      expect(await sumOf(connection.table, 'x')).toBe(18n);
    });
  }));
