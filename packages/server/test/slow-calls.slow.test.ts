import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { AdminServiceDefinition, ExportRequest } from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';
import { expect, it } from 'vitest';
import { everyMethod } from './every-method.js';
import { type CallLine, callLine, callLines } from './log-lines.js';
import { freePort, isListening } from './ports.js';
import { framed, openCall, openSession, roundTrip, uploadOf } from './raw-calls.js';
import { type Connection, connect, eventually, withProcess } from './server.js';
import { piecesOf } from './table-calls.js';

const v1 = (service: string, method: string) => `/tally.v1.${service}/${method}`;
const csvData = Buffer.from('x\n1\n2\n');
const column = { columns: ['x'] };

async function backUp(address: string): Promise<void> {
  const channel = createChannel(address);
  try {
    const client = createClient(AdminServiceDefinition, channel);
    let answer = () => {};
    const batched = new Promise<void>((resolve) => {
      answer = resolve;
    });
    async function* wanted() {
      await batched;
      yield { wanted: [0] };
    }
    for await (const { batch } of client.backup(wanted())) if (batch !== undefined) answer();
  } finally {
    channel.close();
  }
}

async function readAll(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages);
}

/** A call of each method that waits for data; it may fail once that is there. */
const calls: Readonly<Record<string, (clients: Connection, address: string) => Promise<unknown>>> =
  {
    '/NumStore/SetNum': ({ numbers }) => numbers.setNum({ key: 'a', value: 5n }),
    '/NumStore/Fact': ({ numbers }) => numbers.fact({ key: 'a' }),
    [v1('NumberService', 'GetNumber')]: (c) => c.numberService.getNumber({ key: 'a' }),
    [v1('NumberService', 'SetNumber')]: (c) => c.numberService.setNumber({ key: 'b', value: 1n }),
    [v1('NumberService', 'AddToNumber')]: (c) =>
      c.numberService.addToNumber({ key: 'b', delta: 1n }),
    [v1('NumberService', 'DeleteNumber')]: (c) => c.numberService.deleteNumber({ key: 'none' }),
    [v1('NumberService', 'ListNumbers')]: (c) => c.numberService.listNumbers({}),
    [v1('NumberService', 'BatchNumbers')]: (c) =>
      c.numberService.batchNumbers({ operations: [{ key: 'c', set: 1n }] }),
    [v1('NumberService', 'ComputeFactorial')]: (c) => c.numberService.computeFactorial({ n: 9n }),
    [v1('NumberService', 'GetNumberStats')]: (c) => c.numberService.getNumberStats({}),
    '/Table/Upload': ({ table }) => table.upload({ csvData }),
    '/Table/ColSum': ({ table }) => table.colSum({ column: 'x', format: 'csv' }),
    [v1('TableService', 'Upload')]: ({ streamed }) => streamed.upload(piecesOf(csvData, 3)),
    [v1('TableService', 'CreateTable')]: ({ streamed }) => streamed.createTable({ table: 'made' }),
    [v1('TableService', 'ListTables')]: ({ streamed }) => streamed.listTables({}),
    [v1('TableService', 'DescribeTable')]: ({ streamed }) => streamed.describeTable({}),
    [v1('TableService', 'ListChunks')]: ({ streamed }) => streamed.listChunks({}),
    [v1('TableService', 'DeleteChunk')]: ({ streamed }) =>
      streamed.deleteChunk({ chunkId: 'none' }),
    [v1('TableService', 'DropTable')]: ({ streamed }) => streamed.dropTable({ table: 'other' }),
    [v1('TableService', 'Aggregate')]: ({ streamed }) => readAll(streamed.aggregate(column)),
    [v1('TableService', 'Export')]: ({ streamed }) => readAll(streamed.export(column)),
    [v1('AdminService', 'Backup')]: (_clients, address) => backUp(address),
  };

/** The stages of a call's time are all of it, and no time is in two of them. */
function expectExplained({ method, ms, stagesMs = {} }: CallLine): void {
  const together = Object.values(stagesMs).reduce((sum, stageMs) => sum + stageMs, 0);
  const what = `${method}: ${ms} ms, ${JSON.stringify(stagesMs)}`;
  expect(together, what).toBeGreaterThan(0.98 * ms - 0.05);
  expect(together, what).toBeLessThan(1.02 * ms + 0.05);
}

/** A slow call was mostly at these stages. */
function expectMostly(line: CallLine, ...stages: readonly string[]): void {
  expectShare(line, 0.6, stages);
}

function expectShare(
  { ms, stagesMs = {} }: CallLine,
  least: number,
  stages: readonly string[],
): void {
  const together = stages.reduce((sum, stage) => sum + (stagesMs[stage] ?? 0), 0);
  expect(together, `${ms} ms, ${JSON.stringify(stagesMs)}`).toBeGreaterThan(least * ms);
}

it('a call of any method that waits for the warm-up says so', async () => {
  // What a server has besides is answered at once.
  const methods = (await everyMethod()).filter((path) => !path.startsWith('/grpc.'));
  expect(Object.keys(calls).toSorted()).toEqual(methods.toSorted());
  const port = await freePort();
  const args = ['--log-level', 'info', '--slow-call-ms', '1'];
  const options = { args, port, warmupCalls: 2000 };
  const made = eventually(() => isListening(port)).then(async () => {
    const address = `127.0.0.1:${port}`;
    const clients = connect({ address });
    await Promise.allSettled(Object.values(calls).map((call) => call(clients, address)));
    clients.close();
  });
  await withProcess(options, async (server) => {
    await made;
    const lines = await eventually(async () => {
      const found = callLines(server);
      return found.length === methods.length && found;
    });
    for (const line of lines) {
      expectExplained(line);
      expectShare(line, 0.3, ['start wait']);
    }
  });
});

it('a slow call of any method says where its time went', async () => {
  const args = [...['--log-level', 'info', '--slow-call-ms', '1'], '--durability', 'fsync'];
  await withProcess({ args }, async (server, clients) => {
    await clients.streamed.createTable({ table: 'other' });
    await clients.table.upload({ csvData });
    for (const call of Object.values(calls)) await call(clients, server.address).catch(() => {});
    const { streamed, numberService } = clients;
    const [chunk] = (await streamed.listChunks({})).chunks;
    await streamed.deleteChunk({ chunkId: chunk?.chunkId ?? '' });
    const operations = Array.from({ length: 10_000 }, (_, i) => ({ key: `k${i}`, set: 1n }));
    await numberService.batchNumbers({ operations });
    await numberService.listNumbers({ pageSize: 10_000 });
    const slow = callLines(server).filter(({ stagesMs }) => stagesMs !== undefined);
    expect(slow.length).toBeGreaterThan(10);
    for (const line of slow) expectExplained(line);
    const slowest = (method: string) => {
      const lines = slow.filter((line) => line.method === v1('TableService', method));
      return lines.toSorted((a, b) => b.ms - a.ms)[0] as CallLine;
    };
    expectShare(slowest('CreateTable'), 0.3, ['table change']);
    expectShare(slowest('DropTable'), 0.3, ['table change']);
    expectShare(slowest('DeleteChunk'), 0.3, ['commit']);
  });
});

it('a large file says what it took to take it', async () => {
  const args = [...['--log-level', 'info', '--slow-call-ms', '1'], '--durability', 'fsync'];
  await withProcess({ args }, async (server, { table, streamed }) => {
    const file = Buffer.from(`x\n${'1234567\n'.repeat(1_500_000)}`);
    await table.upload({ csvData: file });
    await streamed.upload(piecesOf(file, 200_000));
    await streamed.upload(piecesOf(`x\r\n${'"1"\r\n'.repeat(500_000)}`, 200_000)).catch(() => {});
    for (const format of ['csv', 'parquet']) await table.colSum({ column: 'x', format });
    for await (const _ of streamed.aggregate({ columns: ['x'] }));
    await eventually(async () => callLines(server).length >= 6);
    const lines = callLines(server).filter(({ stagesMs }) => stagesMs !== undefined);
    for (const line of lines) expectExplained(line);
    const [unary, stream] = lines;
    expectMostly(
      unary as CallLine,
      'receive',
      'spool',
      'convert',
      'sync',
      'convert wait',
      'commit',
    );
    expect(unary?.stagesMs).toMatchObject({ sync: expect.any(Number) });
    expectMostly(
      stream as CallLine,
      'receive',
      'spool',
      'convert',
      'convert wait',
      'sync',
      'commit',
    );
    expect(lines.at(-1)?.stagesMs).toMatchObject({ aggregate: expect.any(Number) });
  });
});

const pauseMs = 500;

it('an answer that its client does not take is being sent', async () => {
  const args = ['--log-level', 'info', '--slow-call-ms', '1'];
  await withProcess({ args }, async (server, { table }) => {
    await table.upload({ csvData: Buffer.from(`x\n${'1234567\n'.repeat(300_000)}`) });
    const session = await openSession(server);
    const request = framed(
      Buffer.from(ExportRequest.encode(ExportRequest.fromPartial({})).finish()),
    );
    for (const rest of ['is taken', 'is cancelled']) {
      const { stream, ended } = openCall(session, v1('TableService', 'Export'));
      stream.pause();
      stream.end(request);
      await once(stream, 'response');
      await delay(pauseMs);
      if (rest === 'is taken') stream.resume();
      else stream.destroy();
      await ended;
    }
    session.destroy();
    const exports = () => callLines(server).filter(({ method }) => method.endsWith('/Export'));
    await eventually(async () => exports().length === 2);
    for (const line of exports()) {
      expectExplained(line);
      expect(line.stagesMs?.send).toBeGreaterThan(0.9 * pauseMs);
    }
  });
});

it('a message that waits to be let in is not being received', async () => {
  const bytes = 200_000;
  const args = [...['--log-level', 'info', '--slow-call-ms', '1'], '--message-bytes-max'];
  const limits = [String(bytes), '--admitted-bytes-max', String(bytes)];
  await withProcess({ args: [...args, ...limits] }, async (server) => {
    const session = await openSession(server);
    const message = framed(uploadOf(bytes));
    const first = openCall(session, '/Table/Upload');
    first.stream.write(message.subarray(0, 100_000));
    await roundTrip(session);
    for (const path of ['/Table/Upload', v1('TableService', 'Upload')]) {
      openCall(session, path).stream.end(message);
    }
    await roundTrip(session);
    await delay(pauseMs);
    first.stream.end(message.subarray(100_000));
    await eventually(async () => callLines(server).length === 3);
    session.destroy();
    // They may be converted, and so end, in any order.
    const hasWaited = ({ stagesMs = {} }: CallLine) => 'admission wait' in stagesMs;
    const lines = callLines(server);
    for (const line of lines) expectExplained(line);
    const [sent] = lines.filter((line) => !hasWaited(line));
    expect(sent?.stagesMs?.receive).toBeGreaterThan(0.9 * pauseMs);
    const waited = lines.filter(hasWaited);
    expect(waited).toHaveLength(2);
    for (const { stagesMs } of waited) {
      expect(stagesMs?.['admission wait']).toBeGreaterThan(0.9 * pauseMs);
    }
  });
});

it('a call that is cancelled while it waits for a thread says so', async () => {
  const args = ['--log-level', 'info', '--slow-call-ms', '1'];
  await withProcess({ args }, async (server, { numberService }) => {
    const n = 20_000n;
    const long = numberService.computeFactorial({ n });
    const abort = new AbortController();
    const short = numberService.computeFactorial({ n: 19_999n }, { signal: abort.signal });
    const cancelled = short.catch(() => {});
    await numberService.getNumberStats({});
    await delay(5);
    abort.abort();
    await Promise.all([cancelled, long]);
    const line = await callLine(server, ({ code }) => code === 'CANCELLED');
    expectExplained(line);
    expect(Object.keys(line.stagesMs ?? {})).toContain('factorial wait');
  });
});
