import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import path from 'node:path';
import { type TableServiceClient, UploadRequest } from '@tally/stubs';
import { type ClientError, Status } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import { launchServer } from '../dist/launch.js';
import { numberOptions } from '../src/config.js';
import {
  connect,
  eventually,
  sharedServer,
  type TestServer,
  withFolder,
  withProcess,
  withServer,
} from './server.js';
import { keep, piecesOf, sumOf, upload } from './table-calls.js';
import { listTableFiles, readDeltaTable, tableFolders } from './table-files.js';

const MB = 1_000_000;

/** A stream that a test sends pieces on when it wants to. */
function openStream(streamed: TableServiceClient) {
  const waiting: UploadRequest[] = [];
  let wake = () => {};
  let isOver = false;
  const abort = new AbortController();
  async function* requests() {
    for (;;) {
      const request = waiting.shift();
      if (request !== undefined) yield request;
      else if (isOver) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  const reply = streamed.upload(requests(), { signal: abort.signal });
  // A test that fails before it looks at the answer must not fail for that as well.
  reply.catch(() => {});
  return {
    reply,
    send(csv: string) {
      waiting.push({ csvData: Buffer.from(csv) });
      wake();
    },
    end() {
      isOver = true;
      wake();
    },
    cancel: () => abort.abort(),
  };
}

const spooled = async ({ dataDir }: TestServer) => readdir(tableFolders(dataDir).spool);

/** Waits until this many streams have sent so much that some of it is in the spool. */
const eventuallySpooled = (server: TestServer, files: number) =>
  eventually(async () => (await spooled(server)).length === files);

/** More rows of 7 than a server gathers before it writes. */
const manyRows = '7\n'.repeat(150_000);

describe('one server, one file after the other', () => {
  const shared = sharedServer({ args: ['--message-bytes-max', '131072'] });

  describe.each([
    { name: 'a file', csv: 'a,b\n1,2\n3,4\n', rows: 2n },
    { name: 'a file without a line end', csv: 'a,b\n1,2\n3,4', rows: 2n },
    { name: 'a header only', csv: 'a,b\n', rows: 0n },
    { name: 'a file of many rows', csv: `a,b\n${'1,2\n'.repeat(20_000)}`, rows: 20_000n },
    { name: 'an empty file', csv: '', rows: 0n },
    { name: 'blank lines alone', csv: '\n\r\n\n', rows: 0n },
    { name: 'a short row', csv: 'a,b\n1,2\n3\n', rows: 0n },
    { name: 'a long row', csv: 'a,b\n1,2,3\n', rows: 0n },
    { name: 'a fault after many rows', csv: `a,b\n${'1,2\n'.repeat(20_000)}3`, rows: 0n },
    { name: 'a name twice', csv: 'a,a\n1,2\n', rows: 0n },
    { name: 'invalid UTF-8', csv: Buffer.from('a,b\n1,\xff\n', 'latin1'), rows: 0n },
    { name: 'a quote that is not closed', csv: 'a,b\n1,"2\n', rows: 0n },
  ])('$name gets the answer of the unary call', ({ csv, rows }) => {
    test.each([1000, 60_000])('in pieces of %i bytes', async (bytes) => {
      const { table, streamed } = shared.connection;
      const error = await upload(table, csv);
      const before = await listTableFiles(shared.server.dataDir);
      const sum = BigInt(await sumOf(table, 'a'));

      const reply = await streamed.upload(piecesOf(csv, bytes));
      expect(reply.error).toBe(error);
      const isKept = reply.error === '';
      expect(reply.rows).toBe(rows);
      expect(reply.csvBytes).toBe(isKept ? BigInt(csv.length) : 0n);
      const after = await listTableFiles(shared.server.dataDir);
      expect(after.spool).toEqual([]);
      if (!isKept) {
        expect(reply.error).toMatch(/^line \d+/);
        expect(after).toEqual(before);
        return;
      }
      const { chunks } = await readDeltaTable(shared.server.dataDir);
      const { csvPath = '' } = chunks.at(-1) ?? {};
      expect(await readFile(csvPath)).toEqual(Buffer.from(csv));
      expect(BigInt(await sumOf(table, 'a')) - sum).toBe(rows === 2n ? 4n : rows);
    });
  });

  // A byte order mark, characters of two to four bytes, quotes, CR and LF.
  const intricate = Buffer.from(
    '\ufeff"né, 😀","say ""hi"""\r\n" 1 ","a\r\nb"\r\n+2,"ü"""\r-4,€\n9007199254740993,""',
  );
  const intricateSum = 9_007_199_254_740_992n;

  test('a piece may end at any byte', async () => {
    const { table, streamed } = shared.connection;
    for (let at = 0; at <= intricate.length; at++) {
      const pieces = [intricate.subarray(0, at), intricate.subarray(at)];
      expect(await streamed.upload(messages(pieces)), `cut at ${at}`).toMatchObject({
        error: '',
        rows: 4n,
        csvBytes: BigInt(intricate.length),
      });
    }
    expect(await sumOf(table, 'né, 😀')).toBe(intricateSum * BigInt(intricate.length + 1));
  });

  test('a client may send one byte per message, and empty messages', async () => {
    const { table, streamed } = shared.connection;
    const csv = `single\n${'3\n'.repeat(5000)}`;
    expect((await streamed.upload(piecesOf(csv, 1))).error).toBe('');
    expect(await sumOf(table, 'single')).toBe(15_000n);
    const empty = new Uint8Array();
    const pieces = [empty, Buffer.from('single\n'), empty, empty, Buffer.from('4\n'), empty];
    expect((await streamed.upload(messages(pieces))).error).toBe('');
    expect(await sumOf(table, 'single')).toBe(15_004n);
  });

  test.each([0, 3])('%i pieces without a byte are an empty file', async (pieces) => {
    const { table, streamed } = shared.connection;
    const { error } = await streamed.upload(
      messages(Array.from({ length: pieces }, () => new Uint8Array())),
    );
    expect(error).toBe('line 1: the file is empty: a CSV file begins with a header line');
    expect(error).toBe(await upload(table, ''));
  });

  test('a piece past the size of a message is refused, whatever was sent before it', async () => {
    const { table, streamed } = shared.connection;
    const before = await listTableFiles(shared.server.dataDir);
    const pieces = [Buffer.from('large\n1\n'), Buffer.from('2\n'.repeat(70_000))];
    await expect(streamed.upload(messages(pieces))).rejects.toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      // No advice to call what has been called.
      details: expect.stringMatching(/^the request has 14000\d bytes: [^;]*$/),
    });
    await expectNothingKept(before);
    expect(await sumOf(table, 'large')).toBe(0n);
  });

  test('several streams at once are kept one by one, however their pieces mix', async () => {
    const { table, streamed } = shared.connection;
    const streams = Array.from({ length: 8 }, () => openStream(streamed));
    for (const { send } of streams) send('mixed\n');
    for (let piece = 1; piece <= 50; piece++) {
      for (const [i, { send }] of streams.entries()) send(`${10 ** i}\n`.repeat(500));
    }
    for (const { end } of streams) end();
    for (const { reply } of streams) {
      expect(await reply).toMatchObject({ error: '', rows: 25_000n });
    }
    expect(await sumOf(table, 'mixed')).toBe(25_000n * 11_111_111n);
  });

  // Beside them the log has checkpoints.
  const isCommit = (name: string) => name.endsWith('.json');

  /** The spool gets empty, and the next upload finds the table as it was. */
  async function expectNothingKept(before: Awaited<ReturnType<typeof listTableFiles>>) {
    await eventuallySpooled(shared.server, 0);
    await keep(shared.connection.table, 'next\n1\n');
    // A conversion that had begun may make its file, and remove it, after that.
    await eventuallySpooled(shared.server, 0);
    const { csv, parquet, log } = await listTableFiles(shared.server.dataDir);
    expect(csv).toHaveLength(before.csv.length + 1);
    expect(parquet).toHaveLength(before.parquet.length + 1);
    expect(log.filter(isCommit)).toHaveLength(before.log.filter(isCommit).length + 1);
  }

  test('a call that the client cancels keeps nothing of what was sent', async () => {
    const before = await listTableFiles(shared.server.dataDir);
    const stream = openStream(shared.connection.streamed);
    stream.send(`cut\n`);
    for (let sent = 0; sent < 2 * gatherBytes; sent += 60_000)
      stream.send(manyRows.slice(0, 60_000));
    await eventuallySpooled(shared.server, 1);
    stream.cancel();
    await expect(stream.reply).rejects.toMatchObject({ name: 'AbortError' });
    await expectNothingKept(before);
    expect(await sumOf(shared.connection.table, 'cut')).toBe(0n);
  });

  test.each([
    { how: 'reset as cancelled', end: reset(constants.NGHTTP2_CANCEL) },
    { how: 'reset without an error', end: reset(constants.NGHTTP2_NO_ERROR) },
    { how: 'reset for an internal error', end: reset(constants.NGHTTP2_INTERNAL_ERROR) },
    {
      how: 'cut with its connection',
      end: (_call: ClientHttp2Stream, socket: Socket) => socket.destroy(),
    },
    {
      how: 'followed by what is no message',
      end: (call: ClientHttp2Stream) => call.end(Buffer.from([0, 0, 0, 0, 1, 0xff])),
    },
    { how: 'past its deadline', end: () => {}, timeout: '1S' },
  ])('a call that is $how keeps nothing of what was sent', async ({ end, timeout }) => {
    const before = await listTableFiles(shared.server.dataDir);
    const socket = connectTcp(shared.server.port, '127.0.0.1');
    const session = connectHttp2(`http://${shared.server.address}`, {
      createConnection: () => socket,
    });
    session.on('error', () => {});
    const call = session.request({
      ':method': 'POST',
      ':path': '/tally.v1.TableService/Upload',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(timeout === undefined ? {} : { 'grpc-timeout': timeout }),
    });
    call.on('error', () => {});
    const csv = `cut\n${manyRows}`;
    for (let at = 0; at < csv.length; at += 50_000) call.write(frame(csv.slice(at, at + 50_000)));
    await eventuallySpooled(shared.server, 1);
    end(call, socket);
    await expectNothingKept(before);
    expect(await sumOf(shared.connection.table, 'cut')).toBe(0n);
    session.destroy();
  });
});

/** What the server gathers before it writes. */
const gatherBytes = 256 * 1024;

async function* messages(pieces: readonly Uint8Array[]): AsyncGenerator<UploadRequest> {
  for (const csvData of pieces) yield { csvData };
}

function reset(code: number) {
  return (call: ClientHttp2Stream) => call.close(code);
}

/** A message as it is on the wire: not compressed, its length, its bytes. */
function frame(csv: string): Buffer {
  const message = UploadRequest.encode({ csvData: Buffer.from(csv) }).finish();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

test('a call that is cancelled while its file is converted keeps nothing', () =>
  withFolder(async (folder) => {
    const gate = path.join(folder, 'gate');
    const preload = new URL('./hold-file-work.mjs', import.meta.url).href;
    const env = {
      NODE_OPTIONS: `--import ${preload}`,
      HELD_CALL: 'renameSync',
      HELD_GATE: gate,
    };
    await withProcess({ env }, async (server, { numbers, table, streamed }) => {
      await keep(table, 'x\n1\n');
      await writeFile(gate, '');
      const stream = openStream(streamed);
      stream.send('x\n2\n');
      stream.end();
      await eventually(async () => (await readFile(`${gate}.waiting`).catch(() => '')).length > 0);
      stream.cancel();
      // On the same connection: when this is answered, the server knows of the other's end.
      await numbers.setNum({ key: 'a', value: 1n });
      await rm(gate);
      await eventuallySpooled(server, 0);
      await keep(table, 'x\n4\n');
      expect(await sumOf(table, 'x')).toBe(5n);
      expect((await readDeltaTable(server.dataDir)).chunks).toHaveLength(2);
      await eventually(async () => (await listTableFiles(server.dataDir)).csv.length === 2);
    });
  }));

test('streams that stand still keep no other upload waiting, however few files may be open', async () => {
  const args = ['--open-files-max', String(numberOptions.openFilesMax.min), '--streams-max', '31'];
  await withServer({ args }, async (server, { table, streamed }) => {
    // More than files may be open.
    const streams = Array.from({ length: 30 }, () => openStream(streamed));
    for (const { send } of streams) {
      send('x\n');
      send(manyRows);
    }
    await eventuallySpooled(server, streams.length);
    for (let i = 0; i < 5; i++) await keep(table, 'x\n1\n');
    expect((await streamed.upload(piecesOf('x\n1\n', 1))).error).toBe('');
    expect(await sumOf(table, 'x')).toBe(6n);
    for (const { send, end } of streams) {
      send('1\n');
      end();
    }
    for (const { reply } of streams) expect((await reply).error).toBe('');
    expect(await sumOf(table, 'x')).toBe(6n + 30n * 1_050_001n);
    expect(await spooled(server)).toEqual([]);
  });
});

describe('a large file is converted while it comes', () => {
  // More than that, so that a thread takes it up before its end.
  const early = 9 * MB;
  const rows = '1234567\n'.repeat(50_000);

  test.each([
    { name: 'and is right', last: '1\n', error: '', sum: 'all' },
    {
      name: 'or once it is complete, if its types turn out other',
      last: 'one\n',
      error: '',
      sum: '',
    },
    { name: 'and its fault is found where it is', last: '1,2\n', error: 'fault', sum: 'none' },
    { name: 'or given up with its call', last: undefined, error: '', sum: 'none' },
  ])('$name', ({ last, error, sum }) =>
    withServer({}, async (server, { streamed, table }) => {
      const stream = openStream(streamed);
      stream.send('n\n');
      let count = 0;
      for (let sent = 0; sent < early; sent += rows.length, count += 50_000) stream.send(rows);
      await eventually(async () =>
        (await spooled(server)).some((name) => name.endsWith('.parquet')),
      );
      if (last === undefined) {
        stream.cancel();
        await expect(stream.reply).rejects.toMatchObject({ name: 'AbortError' });
      } else {
        for (let i = 0; i < 5; i++, count += 50_000) stream.send(rows);
        stream.send(last);
        stream.end();
        const line = `line ${count + 2}`;
        expect((await stream.reply).error).toBe(
          error &&
            `${line}: the row has more than 1 fields, but the header has 1: each row needs as many`,
        );
      }
      await eventuallySpooled(server, 0);
      if (sum === '') {
        expect(await sumOf(table, 'n')).toMatch(/"one" is not an integer/);
      } else {
        const total = sum === 'all' ? BigInt(count) * 1_234_567n + 1n : 0n;
        expect(await sumOf(table, 'n')).toBe(total);
      }
    }),
  );
});

test('a server that stops waits for no stream past --drain-ms, and keeps nothing of it', () =>
  withFolder(async (dataDir) => {
    const server = await launchServer({ dataDir, args: ['--drain-ms', '0'] });
    const { streamed, close } = connect(server);
    const stream = openStream(streamed);
    stream.send('x\n');
    stream.send(manyRows);
    const outcome = stream.reply.catch((error: ClientError) => error.code);
    await eventuallySpooled(server, 1);
    expect(await server.stop()).toBe(0);
    expect([Status.UNAVAILABLE, Status.CANCELLED]).toContain(await outcome);
    close();
    await withServer({ dataDir }, async (again, { table }) => {
      expect(await sumOf(table, 'x')).toBe(0n);
      expect(await spooled(again)).toEqual([]);
    });
  }));
