import { ColSumReq, FactRequest, SetNumRequest, UploadReq, UploadRequest } from '@tally/stubs';
import { Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { beginCall, callWithBody, framed, withSession } from './http2-calls.js';
import { eventually, sharedServer } from './server.js';
import { keep, sumOf } from './table-calls.js';
import { listTableFiles } from './table-files.js';

const shared = sharedServer({ args: ['--message-bytes-max', '524288'] });

const setNum = (key: string, value: bigint) =>
  framed(SetNumRequest.encode({ key, value }).finish());
const unaryCsv = (csv: string) => framed(UploadReq.encode({ csvData: Buffer.from(csv) }).finish());
const csvPiece = (csv: string) =>
  framed(UploadRequest.encode({ csvData: Buffer.from(csv) }).finish());

/** The total, and every file of the table: what a refused request must not change. */
async function state() {
  // Setting the same number again changes nothing: the answer is the total as it is.
  const { total } = await shared.connection.numbers.setNum({ key: 'control', value: 1n });
  await eventually(async () => (await listTableFiles(shared.server.dataDir)).spool.length === 0);
  return { total, files: await listTableFiles(shared.server.dataDir) };
}

const cutShort =
  'the request ends in the middle of a message, so nothing was done or kept: ' +
  'a client, or a proxy before the server, has cut it short';

const streamedPath = '/tally.v1.TableService/Upload';
// More than the server gathers before it writes, so that some of it is in the spool.
const large = csvPiece('7\n'.repeat(200_000));

describe('a request that ends in the middle of a message', () => {
  it.each([
    { where: 'in the prefix of the last piece', path: streamedPath, last: csvPiece('2\n'), cut: 3 },
    { where: 'in the last piece', path: streamedPath, last: csvPiece('2\n'), cut: 8 },
    { where: 'before the last byte', path: streamedPath, last: large, cut: large.length - 1 },
    { where: 'in a second message', path: '/Table/Upload', last: unaryCsv('cut\n2\n'), cut: 9 },
  ])('keeps nothing of an upload: $path, $where', async ({ path, last, cut }) => {
    const before = await state();
    const whole = path === streamedPath ? [csvPiece('cut\n1\n'), large] : [unaryCsv('cut\n1\n')];
    await withSession(shared.server, async (session) => {
      const body = Buffer.concat([...whole, last.subarray(0, cut)]);
      const answer = await callWithBody(session, path, body);
      expect(answer).toEqual({ code: Status.INVALID_ARGUMENT, details: cutShort });
    });
    expect(await state()).toEqual(before);
    expect(await sumOf(shared.connection.table, 'cut')).toBe(0n);
  });

  it.each([
    { where: 'in its only message', whole: 0, cut: 7 },
    { where: 'in the prefix', whole: 0, cut: 1 },
    { where: 'in a second message', whole: 1, cut: 7 },
  ])('sets no number: $where', async ({ whole, cut }) => {
    const before = await state();
    const message = setNum('cut', 5n);
    const body = Buffer.concat([...Array(whole).fill(message), message.subarray(0, cut)]);
    await withSession(shared.server, async (session) => {
      const answer = await callWithBody(session, '/NumStore/SetNum', body);
      expect(answer).toEqual({ code: Status.INVALID_ARGUMENT, details: cutShort });
    });
    expect(await state()).toEqual(before);
  });
});

describe('a call that is refused or over before its client is done', () => {
  const longer = Buffer.from([0, 0x7f, 0, 0, 0]);

  it.each([
    { path: '/NumStore/SetNum', first: setNum('refused', 5n) },
    { path: '/Table/Upload', first: unaryCsv('refused\n1\n') },
  ])('does nothing: $path, a second message that is too large', async ({ path, first }) => {
    const before = await state();
    await withSession(shared.server, async (session) => {
      const { call, answer } = beginCall(session, path);
      call.write(Buffer.concat([first, longer]));
      expect(await answer).toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
      call.end();
      // The server takes what comes on one connection in its order.
      await callWithBody(session, '/NumStore/Fact', framed(new Uint8Array()));
    });
    expect(await state()).toEqual(before);
    expect(await sumOf(shared.connection.table, 'refused')).toBe(0n);
  });

  it.each([
    { path: '/NumStore/SetNum', first: setNum('late', 5n) },
    { path: '/Table/Upload', first: unaryCsv('late\n1\n') },
  ])('does nothing: $path, past its deadline', async ({ path, first }) => {
    const before = await state();
    await withSession(shared.server, async (session) => {
      const { call, answer } = beginCall(session, path, { 'grpc-timeout': '20m' });
      call.write(first);
      expect(await answer).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
      call.end();
      await callWithBody(session, '/NumStore/Fact', framed(new Uint8Array()));
    });
    expect(await state()).toEqual(before);
    expect(await sumOf(shared.connection.table, 'late')).toBe(0n);
  });

  it('sets no number for a call of two messages', async () => {
    const before = await state();
    await withSession(shared.server, async (session) => {
      const body = Buffer.concat([setNum('two', 5n), setNum('two', 6n)]);
      expect(await callWithBody(session, '/NumStore/SetNum', body)).toEqual({
        code: Status.UNIMPLEMENTED,
        details: 'the call of /NumStore/SetNum has more than one request message: nothing was done',
      });
    });
    expect(await state()).toEqual(before);
  });
});

describe('strings of a request', () => {
  /** A message whose first field is a string of these bytes. */
  const withString = (bytes: readonly number[], rest: Uint8Array = new Uint8Array()) =>
    framed(Buffer.concat([Buffer.from([0x0a, bytes.length, ...bytes]), rest]));
  const value = Buffer.from([0x10, 5]);
  const csvFormat = Buffer.from([0x12, 3, ...Buffer.from('csv')]);

  const invalid = [
    { what: 'a byte that no character has', bytes: [0x61, 0xff] },
    { what: 'a continuation without a start', bytes: [0x80] },
    { what: 'a character that is cut', bytes: [0xe2, 0x82] },
    { what: 'a lone surrogate', bytes: [0xed, 0xa0, 0x80] },
    { what: 'a slash in two bytes', bytes: [0xc0, 0xaf] },
    { what: 'a code point past the last', bytes: [0xf4, 0x90, 0x80, 0x80] },
    { what: 'a byte in a long key', bytes: [...Buffer.from('k'.repeat(100)), 0xff] },
  ];
  const calls = [
    { path: '/NumStore/SetNum', rest: value },
    { path: '/NumStore/Fact', rest: new Uint8Array() },
    { path: '/Table/ColSum', rest: csvFormat },
  ];
  it.each(calls.flatMap((call) => invalid.map((example) => ({ ...call, ...example }))))(
    'are refused if they are not UTF-8: $path, $what',
    async ({ path, rest, bytes }) => {
      const before = await state();
      await withSession(shared.server, async (session) => {
        const answer = await callWithBody(session, path, withString(bytes, rest));
        expect(answer).toEqual({
          code: Status.INVALID_ARGUMENT,
          details:
            `the request of ${path} is not what this method takes: its bytes are no message of ` +
            'protobuf, or a string in it is not valid UTF-8',
        });
      });
      expect(await state()).toEqual(before);
    },
  );

  it('are refused in the format of a sum, too', async () => {
    await withSession(shared.server, async (session) => {
      const message = Buffer.concat([Buffer.from([0x0a, 1, 0x61, 0x12, 1, 0xff])]);
      const answer = await callWithBody(session, '/Table/ColSum', framed(message));
      expect(answer.code).toBe(Status.INVALID_ARGUMENT);
    });
  });

  it('may have U+FFFD, and the byte order mark at their start, as text', async () => {
    const { numbers, table } = shared.connection;
    for (const [n, key] of ['\ufffd', '\ufffdx', '\ufeffx', 'x'].entries()) {
      await numbers.setNum({ key, value: BigInt(n) });
    }
    const { error } = await numbers.fact({ key: '\ufffd\ufffd' });
    expect(error).toContain('no number is called');
    for (const [n, key] of ['\ufffd', '\ufffdx', '\ufeffx', 'x'].entries()) {
      const request = framed(FactRequest.encode({ key }).finish());
      await withSession(shared.server, async (session) => {
        expect((await callWithBody(session, '/NumStore/Fact', request)).code).toBe(Status.OK);
      });
      expect((await numbers.fact({ key })).value).toBe([1n, 1n, 2n, 6n][n]);
    }
    await keep(table, 'a,\ufffd\n1,2\n');
    expect(await sumOf(table, '\ufffd')).toBe(2n);
    const empty = framed(ColSumReq.encode({ column: '', format: 'csv' }).finish());
    await withSession(shared.server, async (session) => {
      expect((await callWithBody(session, '/Table/ColSum', empty)).code).toBe(Status.OK);
    });
  });
});
