import { UploadRequest } from '@tally/stubs';
import { Status } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import { keyed } from './keyed-calls.js';
import { frameTypes, resetHoldingProxy, type SeenFrame } from './reset-holding-proxy.js';
import { connect, eventually, sharedServer } from './server.js';
import { sumOf } from './table-calls.js';
import { listTableFiles } from './table-files.js';

type Message = Parameters<typeof UploadRequest.fromPartial>[0];

async function* messages(...parts: readonly Message[]): AsyncGenerator<UploadRequest> {
  for (const part of parts) yield UploadRequest.fromPartial(part);
}

const cutShort = (said: string, bytes: number) =>
  `${said}, and the stream ends after ${bytes} bytes of csv_data, so nothing was kept: ` +
  'it was cancelled or cut short, or what it says of the size is wrong';
const notSaid = 'csv_bytes_total_follows is true, but csv_bytes_total has not come';

const refused = (details: string) => ({ code: Status.INVALID_ARGUMENT, details });

const shared = sharedServer();

describe('a stream that is cancelled, and whose end comes before its reset', () => {
  const isReset = ({ from, type }: SeenFrame) =>
    from === 'client' && type === frameTypes.resetStream;
  const hasBytes = ({ from, type, bytes }: SeenFrame) =>
    from === 'client' && type === frameTypes.data && bytes > 0;
  const isAnswer = ({ from, type, endsStream }: SeenFrame) =>
    from === 'server' && type === frameTypes.headers && endsStream;

  /** Streams a file, cancels the call without ending it, and waits for the server's answer. */
  async function cancelUnseen(first: Message): Promise<void> {
    const proxy = await resetHoldingProxy(shared.server.port);
    const { streamed, close } = connect(proxy);
    const seen = (which: (frame: SeenFrame) => boolean) =>
      eventually(async () => proxy.seen.some(which));
    const cancel = new AbortController();
    async function* requests() {
      yield UploadRequest.fromPartial(first);
      await new Promise((_, reject) => cancel.signal.addEventListener('abort', reject));
    }
    try {
      const reply = streamed.upload(requests(), { signal: cancel.signal });
      reply.catch(() => {});
      await seen(hasBytes);
      cancel.abort();
      await expect(reply).rejects.toMatchObject({ name: 'AbortError' });
      await seen(isReset);
      await seen(isAnswer);
    } finally {
      close();
      proxy.close();
    }
  }

  test('is taken for a whole file if it says nothing of its size', async () => {
    await cancelUnseen({ csvData: Buffer.from('silent\n1\n') });
    expect(await sumOf(shared.connection.table, 'silent')).toBe(1n);
  });

  test.each([
    { what: 'its size', said: { csvBytesTotal: 9n } },
    { what: 'that its size follows', said: { csvBytesTotalFollows: true } },
  ])('keeps nothing if it has said $what', async ({ said }) => {
    const before = await listTableFiles(shared.server.dataDir);
    await cancelUnseen({ csvData: Buffer.from('cut\n1\n'), ...said });
    expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
    expect(await sumOf(shared.connection.table, 'cut')).toBe(0n);
  });
});

describe('a stream that says the size of its file', () => {
  const csv = Buffer.from('size\n1\n');
  const [head, tail] = [csv.subarray(0, 5), csv.subarray(5)];
  const total = { csvBytesTotal: 7n };
  const follows = { csvBytesTotalFollows: true };

  test.each([
    { where: 'at first', parts: [{ csvData: head, ...total }, { csvData: tail }] },
    { where: 'at last', parts: [{ csvData: head }, { csvData: tail, ...total }] },
    { where: 'each time', parts: [head, tail].map((csvData) => ({ csvData, ...total })) },
    { where: 'before the bytes', parts: [total, { csvData: csv }] },
    { where: 'after the bytes', parts: [{ csvData: csv }, total] },
    { where: 'as it promised', parts: [follows, { csvData: csv }, total] },
    { where: 'where it promises', parts: [{ csvData: csv, ...follows, ...total }] },
    { where: 'before it promises', parts: [total, { csvData: csv, ...follows }] },
    { where: 'nowhere', parts: [{ csvData: csv, csvBytesTotalFollows: false }] },
  ])('is kept: $where', async ({ parts }) => {
    const reply = await shared.connection.streamed.upload(messages(...parts));
    expect(reply).toMatchObject({ error: '', rows: 1n, csvBytes: 7n });
  });

  test.each([
    { what: 'one byte less', size: 6n },
    { what: 'one byte more', size: 8n },
    { what: 'no bytes', size: 0n },
    { what: 'the most of int64', size: 2n ** 63n - 1n },
  ])('is refused, and nothing is kept: $what', async ({ size }) => {
    const before = await listTableFiles(shared.server.dataDir);
    const refusal = refused(cutShort(`csv_bytes_total is ${size}`, 7));
    const said = { csvBytesTotal: size };
    for (const parts of [
      [{ csvData: head, ...said }, { csvData: tail }],
      [follows, { csvData: csv }, said],
    ]) {
      const reply = shared.connection.streamed.upload(messages(...parts));
      await expect(reply).rejects.toMatchObject(refusal);
    }
    expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
  });

  test.each([
    { csv: '', said: { csvBytesTotal: 1n }, details: cutShort('csv_bytes_total is 1', 0) },
    { csv: '', said: follows, details: cutShort(notSaid, 0) },
    { csv: 'size\n1\n', said: follows, details: cutShort(notSaid, 7) },
    // Its open quote is no fault of the file's.
    { csv: 'size\n"', said: { csvBytesTotal: 7n }, details: cutShort('csv_bytes_total is 7', 6) },
  ])('is refused if it ends too early: $said after "$csv"', async ({ csv, said, details }) => {
    const before = await listTableFiles(shared.server.dataDir);
    const reply = shared.connection.streamed.upload(
      messages({ csvData: Buffer.from(csv), ...said }),
    );
    await expect(reply).rejects.toMatchObject(refused(details));
    expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
  });

  test('gets the answer to an empty file for one of 0 bytes', async () => {
    const { error } = await shared.connection.streamed.upload(messages({ csvBytesTotal: 0n }));
    expect(error).toBe('line 1: the file is empty: a CSV file begins with a header line');
  });

  test.each([
    {
      what: 'a negative size',
      parts: [{ csvBytesTotal: -1n }],
      details: 'csv_bytes_total is -1: the size of a file is 0 or more',
    },
    {
      what: 'two sizes',
      parts: [total, { csvBytesTotal: 8n }],
      details: 'csv_bytes_total is 7 in one message and 8 in a later one: a file has one size',
    },
  ])('is refused at once with $what, and nothing is kept', async ({ parts, details }) => {
    const before = await listTableFiles(shared.server.dataDir);
    const cancel = new AbortController();
    async function* neverEnding() {
      yield* messages({ csvData: csv }, ...parts);
      await new Promise((_, reject) => cancel.signal.addEventListener('abort', reject));
    }
    const reply = shared.connection.streamed.upload(neverEnding());
    await expect(reply).rejects.toMatchObject(refused(details));
    cancel.abort();
    expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
  });

  test('is refused though it was converted while it came', async () => {
    const before = await listTableFiles(shared.server.dataDir);
    const piece = { csvData: Buffer.from('1\n'.repeat(500_000)) };
    const bytes = 6 + 12_000_000;
    const large = (size: number) =>
      messages(
        { csvData: Buffer.from('large\n'), csvBytesTotal: BigInt(size) },
        ...Array(12).fill(piece),
      );
    await expect(shared.connection.streamed.upload(large(bytes + 1))).rejects.toMatchObject(
      refused(cutShort(`csv_bytes_total is ${bytes + 1}`, bytes)),
    );
    expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
    expect((await shared.connection.streamed.upload(large(bytes))).rows).toBe(6_000_000n);
    expect(await sumOf(shared.connection.table, 'large')).toBe(6_000_000n);
  });

  test('leaves its idempotency key free when it is cut short', async () => {
    const key = 'cut-short';
    const whole = Buffer.from('keyed\n1\n2\n');
    const said = { csvBytesTotal: 10n };
    const send = async (csvData: Buffer) => {
      const call = keyed(key);
      const { rows } = await shared.connection.streamed.upload(
        messages({ csvData, ...said }),
        call,
      );
      return { rows, isReplay: call.isReplay() };
    };
    const refusal = refused(cutShort('csv_bytes_total is 10', 8));
    await expect(send(whole.subarray(0, 8))).rejects.toMatchObject(refusal);
    expect(await send(whole)).toEqual({ rows: 2n, isReplay: false });
    await expect(send(whole.subarray(0, 8))).rejects.toMatchObject(refusal);
    expect(await send(whole)).toEqual({ rows: 2n, isReplay: true });
    expect(await sumOf(shared.connection.table, 'keyed')).toBe(3n);
  });
});
