import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import path from 'node:path';
import { ExportRequest } from '@tally/stubs';
import { Status } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import type { LaunchedServer } from '../dist/launch.js';
import { exported, streamOf } from './exported.js';
import { framed, openSession } from './raw-calls.js';
import {
  type Connection,
  connect,
  eventually,
  type TestServer,
  withFolder,
  withProcess,
  withServer,
} from './server.js';
import { keep, piecesOf } from './table-calls.js';
import { tableFolders } from './table-files.js';

const MB = 1_000_000;

/** Chunks of four columns of integers, which take 32 bytes a row in Arrow. */
async function keepChunks(
  { table }: Pick<Connection, 'table'>,
  chunks: number,
  rowsOfEach = 40_000,
): Promise<void> {
  const rows = Array.from({ length: rowsOfEach }, (_, i) => `${i},${i % 7},${-i},${i * i}\n`);
  await keep(table, ...Array(chunks).fill(`a,b,c,d\n${rows.join('')}`));
}

/** A call of Export whose client reads no more than fits into its window, of 64 KiB. */
interface SilentCall {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  readonly closed: Promise<unknown>;
}

/** Resolves when some of the answer has come. */
async function silentCall(server: TestServer): Promise<SilentCall> {
  const session = await openSession(server);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/tally.v1.TableService/Export',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', () => {});
  const closed = new Promise((resolve) => stream.once('close', resolve));
  stream.end(framed(ExportRequest.encode(ExportRequest.fromPartial({})).finish()));
  await Promise.race([once(stream, 'response'), closed]);
  return { session, stream, closed };
}

async function withSilentCalls<T>(
  server: TestServer,
  count: number,
  work: (calls: readonly SilentCall[]) => Promise<T>,
): Promise<T> {
  const calls = await Promise.all(Array.from({ length: count }, () => silentCall(server)));
  try {
    return await work(calls);
  } finally {
    for (const { session } of calls) session.destroy();
  }
}

test('a client that does not read has no more files read', () =>
  withFolder(async (folder) => {
    const dataDir = path.join(folder, 'data');
    const countsFile = path.join(folder, 'counts');
    const env = {
      NODE_OPTIONS: `--import ${new URL('./count-open-files.mjs', import.meta.url).href}`,
      COUNTED_FOLDER: tableFolders(dataDir).parquet,
      COUNTS_FILE: countsFile,
    };
    await withProcess({ dataDir, env }, async (server, connection) => {
      await keepChunks(connection, 20);
      const opened = async () => (await readFile(countsFile, 'utf8')).split('\n').length;
      const before = await opened();
      await withSilentCalls(server, 1, async ([call]) => {
        // As long as the server takes to answer hundreds of other calls.
        await eventually(async () => {
          const so = await opened();
          for (let i = 0; i < 200; i++) await connection.numbers.setNum({ key: 'a', value: 1n });
          return so > before && so === (await opened());
        });
        expect((await opened()) - before).toBeLessThanOrEqual(3);
        let bytes = 0;
        call?.stream.on('data', (data: Buffer) => {
          bytes += data.length;
        });
        await call?.closed;
        expect(bytes).toBeGreaterThan(20 * 40_000 * 32);
        expect((await opened()) - before).toBeGreaterThanOrEqual(20);
      });
    });
  }));

describe.skipIf(process.platform !== 'linux')('the memory of exports', () => {
  /** Runs `work`; resolves to how many bytes the server's memory grew at most meanwhile. */
  async function peakGrowth({ process: { pid } }: LaunchedServer, work: () => Promise<void>) {
    const field = async (name: string) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
    };
    // Makes the present size the peak.
    await writeFile(`/proc/${pid}/clear_refs`, '5');
    const before = await field('VmRSS');
    await work();
    return (await field('VmHWM')) - before;
  }

  test('is bounded, however many do not read, and others get theirs', async () => {
    const args = ['--conversions-max', '1'];
    await withProcess({ args }, async (server, connection) => {
      // Each a row group of 8 MB in Arrow: four have room.
      await keepChunks(connection, 3, 250_000);
      const rows = async () => (await exported(connection.streamed.export({}))).numRows;
      expect(await rows()).toBe(750_000);
      const growth = await peakGrowth(server, () =>
        withSilentCalls(server, 16, async (calls) => {
          expect(await rows()).toBe(750_000);
          // Those that kept the room from it have been ended.
          const ended = calls.filter(({ stream }) => stream.closed);
          expect(ended.length).toBeGreaterThan(0);
          for (const { stream } of ended) {
            expect(stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
          }
        }),
      );
      expect(growth).toBeLessThan(75 * MB);
    });
  });
});

// Room for two parts, which nobody is to lose for being slow.
const args = [
  ...['--row-group-bytes-max', String(1024 * 1024)],
  ...['--message-bytes-per-second-min', '1'],
];

test('a call that is cancelled gives back what it has', () =>
  withServer({ args: [...args, '--wait-ms-max', '60000'] }, async (server, connection) => {
    await keepChunks(connection, 10);
    for (let round = 0; round < 3; round++) {
      const calls = await Promise.all([1, 2].map(() => silentCall(server)));
      for (const { stream } of calls) stream.close(constants.NGHTTP2_CANCEL);
      await Promise.all(calls.map(({ closed }) => closed));
      for (const { session } of calls) session.destroy();
    }
    const abort = new AbortController();
    const call = connection.streamed.export({}, { signal: abort.signal });
    for await (const _ of call) {
      break;
    }
    abort.abort();
    expect((await exported(connection.streamed.export({}))).numRows).toBe(400_000);
  }));

test('a call that gets no room in time is told so', () =>
  withServer({ args: [...args, '--wait-ms-max', '50'] }, async (server, { table, streamed }) => {
    await keepChunks({ table }, 5);
    await withSilentCalls(server, 2, async () => {
      await expect(streamOf(streamed.export({}))).rejects.toMatchObject({
        code: Status.RESOURCE_EXHAUSTED,
        details:
          'the server holds as much of other exports as it may, which their clients have not ' +
          'taken, and this one has waited 50 ms, as long as it may (--wait-ms-max); try again later',
      });
    });
    expect((await exported(streamed.export({}))).numRows).toBe(200_000);
  }));

test('clients that do not read lose their places to others', () =>
  withServer({ args: ['--calls-max', '2'] }, async (server, connection) => {
    await keepChunks(connection, 5);
    await withSilentCalls(server, 2, async (calls) => {
      const other = connect(server);
      const described = await eventually(() =>
        other.streamed.describeTable({}).catch((error) => {
          expect(error.code).toBe(Status.RESOURCE_EXHAUSTED);
          return undefined;
        }),
      );
      other.close();
      expect(described.summary?.rows).toBe(200_000n);
      await Promise.race(calls.map(({ closed }) => closed));
      const [first] = calls.filter(({ stream }) => stream.closed);
      expect(first?.stream.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
  }));

test('a table that is dropped meanwhile ends the call with a sentence', () =>
  withServer({}, async (_, connection) => {
    const { streamed } = connection;
    await streamed.createTable({ table: 'gone' });
    const rows = 'some text that takes room,1\n'.repeat(50_000);
    async function* file() {
      yield { table: 'gone' };
      yield* piecesOf(`t,n\n${rows}`, 1024 * 1024);
    }
    for (let i = 0; i < 6; i++) expect((await streamed.upload(file())).error).toBe('');
    const call = streamed.export({ table: 'gone' })[Symbol.asyncIterator]();
    await call.next();
    await streamed.dropTable({ table: 'gone' });
    const rest = (async () => {
      while (!(await call.next()).done);
    })();
    await expect(rest).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      details: 'the table "gone" was dropped',
    });
  }));

test('a chunk that is deleted meanwhile stays in what has begun', () =>
  withServer({}, async (_, connection) => {
    const { streamed } = connection;
    await keepChunks(connection, 10);
    const { chunks } = await streamed.listChunks({});
    const call = streamed.export({});
    let bytes = 0;
    let isFirst = true;
    for await (const { arrowIpc } of call) {
      bytes += arrowIpc.length;
      if (isFirst) await streamed.deleteChunk({ chunkId: chunks[9]?.chunkId ?? '' });
      isFirst = false;
    }
    expect(bytes).toBeGreaterThan(10 * 40_000 * 32);
    expect((await exported(streamed.export({}))).numRows).toBe(360_000);
  }));
