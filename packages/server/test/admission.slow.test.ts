import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { FactRequest } from '@tally/stubs';
import { Status } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import {
  framed,
  openCall,
  openSession,
  type RawCall,
  reset,
  roundTrip,
  uploadOf,
} from './raw-calls.js';
import {
  connect,
  eventually,
  type TestServer,
  withFolder,
  withProcess,
  withServer,
} from './server.js';
import { keep, piecesOf, sumOf, upload } from './table-calls.js';

const uploadPath = '/Table/Upload';
const streamPath = '/tally.v1.TableService/Upload';

const messageBytes = 100_000;
/** A server with room for so many messages of 100,000 bytes. */
const roomFor = (messages: number, waitingCalls: number) => [
  ...['--message-bytes-max', String(messageBytes)],
  ...['--admitted-bytes-max', String(messages * messageBytes)],
  ...['--waiting-calls-max', String(waitingCalls)],
  // A busy machine is no slow client.
  ...['--message-bytes-per-second-min', '1'],
];

/** A call of whose message the first half has come. */
async function halfSent(session: ClientHttp2Session, bytes = messageBytes, callPath = uploadPath) {
  const call = openCall(session, callPath);
  const message = framed(uploadOf(bytes));
  call.stream.write(message.subarray(0, message.length / 2));
  await roundTrip(session);
  return { ...call, sendRest: () => call.stream.end(message.subarray(message.length / 2)) };
}

/** What a client is told that is not let in. */
const refusal = (sentence: RegExp) => ({
  code: Status.RESOURCE_EXHAUSTED,
  details: expect.stringMatching(sentence),
  retryMs: expect.toSatisfy((ms: number) => ms >= 1000 && ms < 3000),
});

async function withSession<T>(
  server: TestServer,
  work: (session: ClientHttp2Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(server);
  try {
    return await work(session);
  } finally {
    session.destroy();
  }
}

test('a message reserves its own size: as many come at once as fit, and no byte more', () =>
  withServer({ args: roomFor(2, 0) }, (server, { table }) =>
    withSession(server, async (session) => {
      const calls = await Promise.all(
        [messageBytes, 70_000, 30_000].map((bytes) => halfSent(session, bytes)),
      );
      // The smaller ones fit into a window of HTTP/2 and have room of their own.
      const over = await halfSent(session, messageBytes);
      expect(await over.ended).toEqual(
        refusal(
          /^the server holds messages with 200000 bytes \(--admitted-bytes-max\), and 0 calls wait, as many as may \(--waiting-calls-max\); try again later$/,
        ),
      );
      for (const { sendRest } of calls) sendRest();
      for (const { ended } of calls) expect(await ended).toMatchObject({ code: Status.OK });
      // All of it has been given back.
      await Promise.all([0, 1].map(() => keep(table, 'x\n'.padEnd(99_000, '1\n'))));
    }),
  ));

test('a call that waits is read when another has ended, and small ones pass meanwhile', () =>
  withServer({ args: roomFor(1, 1) }, (server, { numbers, table }) =>
    withSession(server, async (session) => {
      const first = await halfSent(session);
      const second = await halfSent(session);
      second.sendRest();
      expect((await (await halfSent(session)).ended).code).toBe(Status.RESOURCE_EXHAUSTED);
      expect(await numbers.setNum({ key: 'a', value: 1n })).toEqual({ total: 1n });
      await keep(table, `x\n${'1\n'.repeat(20_000)}`);
      first.sendRest();
      expect(await first.ended).toMatchObject({ code: Status.OK });
      expect(await second.ended).toMatchObject({ code: Status.OK });
    }),
  ));

test('of a call that waits no more than its window is read', () =>
  withServer({ args: [...roomFor(1, 1), '--wait-ms-max', '3600000'] }, (server) =>
    withSession(server, async (session) => {
      const first = await halfSent(session);
      const waiting = openCall(session, uploadPath);
      waiting.stream.write(framed(uploadOf(messageBytes)));
      await roundTrip(session);
      await roundTrip(session);
      // Half a message, a window of the other one, and what HTTP/2 adds.
      expect(session.socket.bytesWritten).toBeLessThan(messageBytes / 2 + 65_536 + 4096);
      reset(first);
      await eventually(async () => session.socket.bytesWritten > 1.5 * messageBytes);
    }),
  ));

// Here as elsewhere what is sent of a refused message fits into its window: while bytes of it wait,
// Node's own `session.destroy()` may never return (https://github.com/nodejs/node/issues/52952).
test('a message that has waited as long as it may is refused', () =>
  withServer({ args: [...roomFor(1, 1), '--wait-ms-max', '1'] }, (server) =>
    withSession(server, async (session) => {
      const first = await halfSent(session);
      const waiting = await halfSent(session);
      expect(await waiting.ended).toEqual(
        refusal(
          /^the server holds messages with 100000 bytes \(--admitted-bytes-max\), and this one has waited 1 ms, as long as it may \(--wait-ms-max\); try again later$/,
        ),
      );
      first.sendRest();
      expect(await first.ended).toMatchObject({ code: Status.OK });
    }),
  ));

test('messages that wait have at most so many bytes together', () =>
  withServer({ args: [...roomFor(1, 5), '--waiting-bytes-max', '150000'] }, (server) =>
    withSession(server, async (session) => {
      await halfSent(session);
      const waiting = await halfSent(session);
      expect(await (await halfSent(session, 70_000)).ended).toEqual(
        refusal(/, and messages of 150000 bytes wait, as many as may \(--waiting-bytes-max\)/),
      );
      expect(waiting.stream.closed).toBe(false);
    }),
  ));

test('one that sends slowly makes room for one that waits', () =>
  withServer({ args: [...roomFor(1, 1), '--message-bytes-per-second-min', '262144'] }, (server) =>
    withSession(server, async (session) => {
      const slow = await halfSent(session);
      const waiting = await halfSent(session);
      waiting.sendRest();
      // Half of 100,000 bytes are less than what is asked for after the grace.
      expect(await slow.ended).toEqual(
        refusal(
          /^the message comes slowly while others wait: at least 262144 bytes a second are asked for then \(--message-bytes-per-second-min\)/,
        ),
      );
      expect(await waiting.ended).toMatchObject({ code: Status.OK });
    }),
  ));

describe('what a call has reserved is given back', () => {
  const storms: readonly {
    how: string;
    end: (call: RawCall, session: ClientHttp2Session) => void;
    timeout?: string;
    streamed?: boolean;
  }[] = [
    { how: 'is reset', end: reset },
    { how: 'is cut with its connection', end: (_call, session) => session.destroy() },
    { how: 'is past its deadline', end: () => {}, timeout: '50m' },
    { how: 'ends in the middle of a message', end: ({ stream }) => stream.end() },
    { how: 'is a stream that is reset', end: reset, streamed: true },
  ];
  test('when it is reset, cut, late or incomplete, whether it had been let in or waited', () =>
    withServer({ args: roomFor(3, 60) }, async (server, { table }) => {
      for (const { end, timeout, streamed } of storms) {
        const headers = timeout === undefined ? {} : { 'grpc-timeout': timeout };
        const sessions = await Promise.all([0, 1, 2].map(() => openSession(server)));
        const message = framed(uploadOf(messageBytes));
        const calls = sessions.flatMap((session) =>
          Array.from({ length: 10 }, () => ({
            session,
            call: openCall(session, streamed ? streamPath : uploadPath, headers),
          })),
        );
        for (const [i, { call }] of calls.entries())
          call.stream.write(message.subarray(0, i * 3000 + 5));
        await Promise.all(sessions.map(roundTrip)).catch(() => {});
        for (const { call, session } of calls) end(call, session);
        await Promise.all(calls.map(({ call }) => call.ended));
        for (const session of sessions) session.destroy();
      }
      // Three at once that fill it: with anything left they would wait, and their half be refused.
      await withSession(server, async (session) => {
        const full = await Promise.all([0, 1, 2].map(() => halfSent(session)));
        for (const { sendRest } of full) sendRest();
        for (const { ended } of full) expect(await ended).toMatchObject({ code: Status.OK });
      });
      await keep(table, 'x\n1\n');
    }));

  test('only when its handler has let go of the message, though the client has gone', () =>
    withFolder(async (folder) => {
      const gate = path.join(folder, 'gate');
      const preload = new URL('./hold-spool.mjs', import.meta.url).href;
      const env = { NODE_OPTIONS: `--import ${preload}`, HELD_GATE: gate };
      await withProcess({ args: roomFor(1, 0), env }, async (server, { numbers }) => {
        await writeFile(gate, '');
        const session = await openSession(server);
        const held = openCall(session, uploadPath);
        held.stream.end(framed(uploadOf(messageBytes)));
        await eventually(
          async () => (await readFile(`${gate}.waiting`).catch(() => '')).length > 0,
        );
        session.destroy();
        await withSession(server, async (other) => {
          await numbers.setNum({ key: 'a', value: 1n });
          expect((await (await halfSent(other)).ended).code).toBe(Status.RESOURCE_EXHAUSTED);
          await rm(gate);
          await eventually(async () => {
            const call = await halfSent(other);
            call.sendRest();
            return (await call.ended).code === Status.OK;
          });
        });
      });
    }));
});

test('a stream gives back each piece, and holds two at most', () =>
  withServer({ args: roomFor(2, 0) }, async (_server, { table, streamed }) => {
    const csv = `x\n${'7\n'.repeat(500_000)}`;
    expect(await streamed.upload(piecesOf(csv, 90_000))).toMatchObject({ error: '' });
    expect(await sumOf(table, 'x')).toBe(3_500_000n);
  }));

test('a message may come a byte at a time, and several in one piece', () =>
  withServer({ args: roomFor(1, 0) }, (server, { table }) =>
    withSession(server, async (session) => {
      const call = openCall(session, streamPath);
      for (const byte of framed(uploadOf(20_000))) call.stream.write(Buffer.of(byte));
      call.stream.end(
        Buffer.concat([10, 17_000, 70_000, 11].map((bytes) => framed(uploadOf(bytes)))),
      );
      // Each piece begins with the header's line, which is no number.
      expect(await call.ended).toMatchObject({ code: Status.OK });
      await keep(table, 'y\n5\n');
    }),
  ));

test('a compressed message reserves what it may unpack to, and gives back the rest', () =>
  withServer({ args: roomFor(2, 0) }, (server) =>
    withSession(server, async (session) => {
      const gzip = { 'grpc-encoding': 'gzip' };
      const compressed = framed(gzipSync(uploadOf(messageBytes)), true);
      const half = openCall(session, uploadPath, gzip);
      half.stream.write(compressed.subarray(0, 100));
      await roundTrip(session);
      expect((await (await halfSent(session)).ended).code).toBe(Status.RESOURCE_EXHAUSTED);
      half.stream.end(compressed.subarray(100));
      expect(await half.ended).toMatchObject({ code: Status.OK });
      const unknown = openCall(session, uploadPath, { 'grpc-encoding': 'snappy' });
      unknown.stream.end(compressed);
      expect(await unknown.ended).toMatchObject({
        code: Status.UNIMPLEMENTED,
        details: 'a message is compressed as snappy: gzip, deflate and identity are allowed',
      });
    }),
  ));

describe('a limit on how much goes on at once holds at its edge', () => {
  test('calls', () =>
    withServer({ args: ['--calls-max', '3', ...roomFor(3, 0)] }, (server, { numbers }) =>
      withSession(server, async (session) => {
        const calls = await Promise.all([1, 2, 3].map(() => halfSent(session)));
        const over = openCall(session, uploadPath);
        expect(await over.ended).toEqual(
          refusal(
            /^the server has 3 calls in progress, as many as may \(--calls-max\); try again later$/,
          ),
        );
        await expect(numbers.setNum({ key: 'a', value: 1n })).rejects.toMatchObject({
          code: Status.RESOURCE_EXHAUSTED,
        });
        reset(calls[0] as RawCall);
        await roundTrip(session);
        expect(await numbers.setNum({ key: 'a', value: 1n })).toEqual({ total: 1n });
      }),
    ));

  describe('calls, of which one that waits for its client makes room for another', () => {
    const args = ['--calls-max', '3', '--message-bytes-per-second-min', '1000'];
    const succeeds = (call: Promise<unknown>) =>
      call.then(
        () => true,
        () => false,
      );

    test('for its request', () =>
      withServer({ args }, (server, { numbers }) =>
        withSession(server, async (session) => {
          const [first, ...others] = [1, 2, 3].map(() =>
            openCall(session, uploadPath),
          ) as RawCall[];
          await eventually(() => succeeds(numbers.setNum({ key: 'a', value: 1n })));
          expect(await first?.ended).toEqual(
            refusal(
              /^the server has 3 calls in progress, as many as may \(--calls-max\), and this one waits for its client: at least 1000 bytes a second are asked for then \(--message-bytes-per-second-min\); try again later$/,
            ),
          );
          // That was enough.
          expect(others.map(({ stream }) => stream.closed)).toEqual([false, false]);
        }),
      ));

    test('to take its answer', () =>
      withServer({ args }, async (server, { numbers }) => {
        const session = connectHttp2(`http://${server.address}`, {
          settings: { initialWindowSize: 0 },
        });
        const threeAnswered = async () => {
          const calls = [1, 2, 3].map(() => openCall(session, '/NumStore/Fact'));
          for (const { stream } of calls) {
            stream.end(framed(FactRequest.encode({ key: 'unset' }).finish()));
          }
          await Promise.all(calls.map(({ stream }) => once(stream, 'response')));
          return calls;
        };
        const areClosed = (calls: readonly RawCall[]) => calls.map(({ stream }) => stream.closed);
        // As many again may have been answered: nobody waits for them, and none of them is lost.
        const first = await threeAnswered();
        await numbers.setNum({ key: 'a', value: 1n });
        const second = await threeAnswered();
        expect(areClosed(first)).toEqual([false, false, false]);
        await numbers.setNum({ key: 'a', value: 1n });
        await Promise.all(first.map(({ ended }) => ended));
        expect(areClosed(second)).toEqual([false, false, false]);
        session.destroy();
      }));
  });

  test('streams', () =>
    withServer({ args: ['--streams-max', '2'] }, (server, { table }) =>
      withSession(server, async (session) => {
        const calls = [1, 2].map(() => openCall(session, streamPath));
        await roundTrip(session);
        expect(await openCall(session, streamPath).ended).toEqual(
          refusal(/^2 streams are being sent, as many as may \(--streams-max\); try again later$/),
        );
        expect(await upload(table, 'x\n1\n')).toBe('');
        reset(calls[0] as RawCall);
        await roundTrip(session);
        const next = openCall(session, streamPath);
        next.stream.end(framed(uploadOf(100)));
        expect(await next.ended).toMatchObject({ code: Status.OK });
      }),
    ));

  test('calls of one connection: its client is told how many, and keeps the others back', () =>
    withServer({ args: ['--connection-calls-max', '2'] }, (server, { numbers }) =>
      withSession(server, async (session) => {
        await roundTrip(session);
        expect(session.remoteSettings.maxConcurrentStreams).toBe(2);
        await Promise.all([1, 2, 3, 4].map(() => numbers.setNum({ key: 'a', value: 1n })));
      }),
    ));

  test('connections', () =>
    withServer({ args: ['--connections-max', '3'] }, async (server, { numbers }) => {
      await numbers.setNum({ key: 'a', value: 1n });
      const sessions = await Promise.all([1, 2].map(() => openSession(server)));
      const over = connect(server);
      await expect(over.numbers.setNum({ key: 'a', value: 2n })).rejects.toMatchObject({
        code: Status.UNAVAILABLE,
      });
      sessions[0]?.destroy();
      // The client's library tries again by itself.
      await eventually(() =>
        over.numbers.setNum({ key: 'a', value: 2n }).then(
          () => true,
          () => false,
        ),
      );
      over.close();
      sessions[1]?.destroy();
    }));
});

test('a connection whose client does not answer is closed, whether it has ever spoken HTTP/2 or not', () =>
  withServer(
    // Time enough for one that answers on a busy machine.
    { args: ['--ping-ms', '100', '--ping-timeout-ms', '2000'] },
    async (server, { numbers }) => {
      const silent = connectTcp(server.port, '127.0.0.1');
      silent.resume();
      silent.on('error', () => {});
      await once(silent, 'close');
      // One that answers stays.
      const session = await openSession(server);
      await numbers.setNum({ key: 'a', value: 1n });
      await roundTrip(session);
      expect(session.closed).toBe(false);
      session.destroy();
    },
  ));

test('the request of a call that carries no data is small', () =>
  withServer({}, async (_server, { numbers, table }) => {
    await expect(numbers.setNum({ key: 'k'.repeat(81_920), value: 1n })).rejects.toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      details: expect.stringMatching(
        /^the request has 819\d\d bytes: at most 81920 are allowed for this call$/,
      ),
    });
    await expect(table.colSum({ column: 'c'.repeat(81_920), format: 'csv' })).rejects.toMatchObject(
      {
        code: Status.RESOURCE_EXHAUSTED,
      },
    );
    const longest = { column: 'c'.repeat(81_920 - 9), format: 'csv' };
    expect(await table.colSum(longest)).toEqual({ total: 0n, error: '' });
  }));
