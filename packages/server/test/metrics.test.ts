import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Status } from 'nice-grpc';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { readConfig } from '../dist/config.js';
import { metricSink } from '../dist/observe/metric-sink.js';
import { startServer } from '../dist/server.js';
import { callWithBody, framed, withSession } from './http2-calls.js';
import { openCall, openSession, reset, roundTrip } from './raw-calls.js';
import { type Scraped, scrape } from './scraped-metrics.js';
import { endWith, eventually, lessWork, withFolder, withProcess, withServer } from './server.js';
import { keep, sumIn } from './table-calls.js';

const args = ['--metrics-port', '0'];

const numStore = (method: string, code: string) => ({ service: 'NumStore', method, code });

it('every metric is explained, has a type, and a name as Prometheus wants it', async () => {
  await withServer({ args }, async (server, { numbers, table }) => {
    await numbers.setNum({ key: 'a', value: 5n });
    await keep(table, 'x\n1\n');
    const { families } = await scrape(server);
    expect(families.length).toBeGreaterThan(30);
    for (const { name, help, type } of families) {
      expect(name).toMatch(/^tally_[a-z][a-z_]*[a-z]$/);
      expect(help, name).toMatch(/\.$/);
      expect(['COUNTER', 'GAUGE', 'HISTOGRAM'], name).toContain(type);
      expect(name.endsWith('_total'), name).toBe(type === 'COUNTER');
      if (type === 'HISTOGRAM') expect(name).toMatch(/_seconds$/);
      expect(name).not.toMatch(/_(ms|milliseconds|mb|kb|mib)(_|$)/);
    }
    expect(new Set(families.map(({ name }) => name)).size).toBe(families.length);
  });
});

it('calls are counted by method and code, with their bytes and times', async () => {
  await withServer({ args: [...args, '--key-bytes-max', '10'] }, async (server, { numbers }) => {
    for (let i = 0; i < 7; i++) await numbers.setNum({ key: 'a', value: 5n });
    for (let i = 0; i < 3; i++) await numbers.fact({ key: 'a' });
    for (let i = 0; i < 2; i++) {
      await expect(numbers.setNum({ key: 'k'.repeat(11), value: 5n })).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
      });
    }
    const metrics = await eventually(async () => {
      const metrics = await scrape(server);
      return metrics.value('tally_calls_in_progress') === 0 && metrics;
    });
    expect(metrics.value('tally_calls_total', numStore('SetNum', 'OK'))).toBe(7);
    expect(metrics.value('tally_calls_total', numStore('SetNum', 'INVALID_ARGUMENT'))).toBe(2);
    expect(metrics.value('tally_calls_total', numStore('Fact', 'OK'))).toBe(3);
    const setNum = { service: 'NumStore', method: 'SetNum' };
    // A key of 1 byte or of 11, a value of 1, and 5 bytes before each message.
    expect(metrics.value('tally_request_bytes_total', setNum)).toBe(7 * 10 + 2 * 20);
    // A refusal has no message.
    expect(metrics.value('tally_response_bytes_total', setNum)).toBe(7 * 7);
    expect(metrics.value('tally_call_duration_seconds_count', setNum)).toBe(9);
    const all = { ...setNum, le: '+Inf' };
    expect(metrics.value('tally_call_duration_seconds_bucket', all)).toBe(9);
    const seconds = metrics.value('tally_call_duration_seconds_sum', setNum) ?? 0;
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(100);
    expect(metrics.value('tally_stage_duration_seconds_count', { stage: 'commit' })).toBe(7);
    expect(metrics.value('tally_numbers')).toBe(1);
  });
});

it('calls that are refused before a handler sees them are counted', async () => {
  await withServer({ args: [...args, '--calls-max', '1'] }, async (server, { numbers }) => {
    const session = await openSession(server);
    const { stream } = openCall(session, '/tally.v1.TableService/Upload');
    // It comes fast enough to keep its place.
    stream.write(framed(Buffer.alloc(0)));
    await roundTrip(session);
    await expect(numbers.setNum({ key: 'a', value: 5n })).rejects.toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
    });
    const metrics = await eventually(async () => {
      const metrics = await scrape(server);
      return metrics.value('tally_calls_in_progress') === 1 && metrics;
    });
    const refused = numStore('SetNum', 'RESOURCE_EXHAUSTED');
    expect(metrics.value('tally_calls_total', refused)).toBe(1);
    expect(metrics.value('tally_streams_in_progress')).toBe(1);
    expect(metrics.value('tally_connections')).toBe(2);
    session.destroy();
  });
});

it('calls of unknown methods, and of another content type, are counted as one series', async () => {
  await withServer({ args }, async (server, { numbers, streamed }) => {
    const body = framed(Buffer.alloc(0));
    await numbers.setNum({ key: 'a', value: 5n });
    await withSession(server, async (session) => {
      const call = async (i: number) => {
        const { code } = await callWithBody(session, `/Service${i}/Method${i}`, body);
        expect(code).toBe(Status.UNIMPLEMENTED);
        await expect(streamed.describeTable({ table: `t${i}` })).rejects.toMatchObject({
          code: Status.NOT_FOUND,
        });
      };
      const counted = (count: number) =>
        eventually(async () => {
          const metrics = await scrape(server);
          return metrics.value('tally_calls_total', unknown) === count && metrics;
        });
      await call(0);
      const before = await counted(1);
      const texts = session.request({
        ...{ ':method': 'POST', ':path': '/NumStore/SetNum', 'content-type': 'text/plain' },
      });
      texts.resume().end();
      const [answer] = await once(texts, 'response');
      expect(answer[':status']).toBe(415);
      await counted(2);
      for (let i = 1; i <= 500; i += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, more) => call(i + more)));
      }
      const after = await counted(502);
      expect(after.series).toBe(before.series);
      expect(after.value('tally_calls_total', numStore('SetNum', 'OK'))).toBe(1);
    });
  });
});

const unknown = { service: 'unknown', method: 'unknown', code: 'UNIMPLEMENTED' };

it('calls that watch are counted, but their time says nothing', async () => {
  await withServer({ args }, async (server) => {
    const session = await openSession(server);
    const watch = openCall(session, '/grpc.health.v1.Health/Watch');
    watch.stream.end(framed(Buffer.alloc(0)));
    await once(watch.stream, 'data');
    reset(watch);
    const ofWatch = { service: 'grpc.health.v1.Health', method: 'Watch' };
    const metrics = await eventually(async () => {
      const metrics = await scrape(server);
      return metrics.value('tally_calls_total', { ...ofWatch, code: 'CANCELLED' }) === 1 && metrics;
    });
    expect(metrics.value('tally_call_duration_seconds_count', ofWatch)).toBeUndefined();
    session.destroy();
  });
});

it('answers that are refusals are counted, though their code is OK', async () => {
  await withServer({ args }, async (server, { numbers, table }) => {
    await numbers.setNum({ key: 'a', value: -1n });
    expect((await numbers.fact({ key: 'a' })).error).not.toBe('');
    await keep(table, 'x\nword\n');
    expect((await table.colSum({ column: 'x', format: 'csv' })).error).not.toBe('');
    for (let i = 0; i < 2; i++) {
      expect((await table.upload({ csvData: Buffer.from('x,x\n1,2\n') })).error).not.toBe('');
    }
    const metrics = await eventually(async () => {
      const metrics = await scrape(server);
      return metrics.value('tally_calls_in_progress') === 0 && metrics;
    });
    const refused = (service: string, method: string) =>
      metrics.value('tally_refused_answers_total', { service, method });
    expect(refused('NumStore', 'Fact')).toBe(1);
    expect(refused('NumStore', 'SetNum')).toBe(0);
    expect(refused('Table', 'ColSum')).toBe(1);
    expect(refused('Table', 'Upload')).toBe(2);
  });
});

it.each([
  { durability: 'fsync', isSynced: true },
  { durability: 'os', isSynced: false },
])('times of syncs with --durability $durability', async ({ durability, isSynced }) => {
  await withServer({ args: [...args, '--durability', durability] }, async (server, connection) => {
    const { numbers, table } = connection;
    const counts = async () => {
      const metrics = await scrape(server);
      return (what: string) => metrics.value('tally_sync_seconds_count', { what }) ?? 0;
    };
    // Other servers of this process have their part in it.
    const before = await counts();
    await Promise.all(Array.from({ length: 20 }, () => numbers.setNum({ key: 'a', value: 5n })));
    await numbers.setNum({ key: 'a', value: 6n });
    await keep(table, 'x\n1\n');
    const after = await counts();
    const synced = (what: string) => after(what) - before(what);
    if (isSynced) {
      // Changes of one commit are one sync.
      expect(synced('numbers')).toBeGreaterThanOrEqual(2);
      expect(synced('numbers')).toBeLessThan(21);
      // Two files, and their folder after each.
      expect(synced('chunk')).toBe(4);
      expect(synced('log')).toBeGreaterThanOrEqual(2);
    } else {
      for (const what of ['numbers', 'chunk', 'log']) expect(synced(what), what).toBe(0);
    }
    expect(synced('index')).toBeGreaterThanOrEqual(1);
  });
});

it('a metric that cannot be had is left out of a scrape, and the others are there', async () => {
  const registry = new Registry();
  const sink = metricSink(registry);
  const fail = () => {
    throw new Error('the part is closed');
  };
  const failLater = async () => fail();
  sink.gauge('tally_first', 'Throws.', fail);
  sink.counter('tally_second_total', 'Rejects.', failLater);
  const both = new Map<string, () => number>([
    ['bad', fail],
    ['good', () => 7],
  ]);
  sink.gauges('tally_third', 'Half of it throws.', 'which', both);
  sink.varyingGauges('tally_fourth', 'Rejects.', 'table', failLater);
  sink.gauge('tally_fifth', 'Is there.', () => 8);
  const lines = (await registry.metrics()).split('\n').filter((line) => /^[^#]/.test(line));
  expect(lines).toEqual(['tally_third{which="good"} 7', 'tally_fifth 8']);
});

it('a server that is read without a pause ends in order', async () => {
  await withProcess({ args }, async (server, { numbers, table }) => {
    await numbers.setNum({ key: 'a', value: 5n });
    await keep(table, 'x\n1\n');
    const metricsPort = Number(/^Metrics: .*:(\d+)\//m.exec(server.output())?.[1]);
    let isOver = false;
    const read = async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const reading = Array.from({ length: 8 }, async () => {
      while (!isOver) await read().catch(() => delay(1));
    });
    await delay(100);
    expect(await endWith(server, 'SIGTERM')).toBe(0);
    isOver = true;
    await Promise.all(reading);
  });
});

it('connections that ask for nothing do not keep others from reading', async () => {
  await withServer({ args }, async (server) => {
    const idle = Array.from({ length: 16 }, () =>
      net.connect(server.metricsPort ?? 0, '127.0.0.1').on('error', () => {}),
    );
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    const startMs = performance.now();
    await eventually(() => scrape(server).catch(() => undefined));
    expect(performance.now() - startMs).toBeLessThan(10_000);
    for (const socket of idle) socket.destroy();
  });
});

it('caches, threads, and what tables hold are counted', async () => {
  await withServer({ args }, async (server, { numbers, table, streamed }) => {
    for (const value of [5n, 6n]) {
      await numbers.setNum({ key: 'a', value });
      await numbers.fact({ key: 'a' });
    }
    for (let i = 0; i < 3; i++) await numbers.fact({ key: 'a' });
    await keep(table, 'x\n1\n2\n', 'x\n3\n');
    await streamed.createTable({ table: 'other' });
    for (let i = 0; i < 2; i++) expect(await sumIn(table, 'x', 'parquet')).toBe(6n);
    const metrics = await scrape(server);
    const factorials = { cache: 'factorials' };
    expect(metrics.value('tally_cache_hits_total', factorials)).toBe(3);
    expect(metrics.value('tally_cache_misses_total', factorials)).toBe(2);
    const sums = { cache: 'sums' };
    expect(metrics.value('tally_cache_hits_total', sums)).toBe(2);
    expect(metrics.value('tally_cache_misses_total', sums)).toBe(2);
    const columns = { cache: 'columns' };
    expect(metrics.value('tally_cache_hits_total', columns)).toBe(1);
    expect(metrics.value('tally_cache_misses_total', columns)).toBe(1);
    expect(metrics.value('tally_pool_tasks_total', { pool: 'factorials' })).toBe(2);
    const tasks = (pool: string) => metrics.value('tally_pool_tasks_total', { pool }) ?? 0;
    // Threads of uploads sum too, when no upload waits.
    expect(tasks('uploads')).toBeGreaterThanOrEqual(2);
    expect(tasks('uploads') + tasks('sums')).toBeGreaterThan(2);
    expect(metrics.value('tally_pool_threads', { pool: 'factorials' })).toBe(1);
    for (const pool of ['factorials', 'uploads', 'sums']) {
      expect(metrics.value('tally_pool_busy_threads', { pool }), pool).toBe(0);
      expect(metrics.value('tally_pool_waiting_tasks', { pool }), pool).toBe(0);
    }
    const ofDefault = { table: 'default' };
    const parquetBytes = metrics.value('tally_table_parquet_bytes', ofDefault);
    expect(metrics.value('tally_chunks_added_total')).toBe(2);
    expect(metrics.value('tally_rows_added_total')).toBe(3);
    expect(metrics.value('tally_bytes_added_total', { format: 'csv' })).toBe(10);
    expect(metrics.value('tally_bytes_added_total', { format: 'parquet' })).toBe(parquetBytes);
    expect(metrics.value('tally_table_chunks', ofDefault)).toBe(2);
    expect(metrics.value('tally_table_rows', ofDefault)).toBe(3);
    expect(metrics.value('tally_table_csv_bytes', ofDefault)).toBe(10);
    expect(metrics.value('tally_table_chunks', { table: 'other' })).toBe(0);
  });
});

it('a dropped table has no series any more', async () => {
  await withServer({ args }, async (server, { streamed }) => {
    await streamed.createTable({ table: 'gone' });
    const chunks = async () =>
      (await scrape(server)).value('tally_table_chunks', { table: 'gone' });
    expect(await chunks()).toBe(0);
    await streamed.dropTable({ table: 'gone' });
    expect(await chunks()).toBeUndefined();
  });
});

it('messages that are let in, and those that wait, are gauged', async () => {
  const limits = ['--message-bytes-max', '200000', '--admitted-bytes-max', '200000'];
  await withServer({ args: [...args, ...limits] }, async (server) => {
    const session = await openSession(server);
    const uploads = [1, 2].map(() => openCall(session, '/Table/Upload'));
    for (const { stream } of uploads) {
      // A message that says it has 150,000 bytes, the most of which do not come.
      stream.write(framed(Buffer.alloc(150_000)).subarray(0, 20_000));
      await roundTrip(session);
    }
    const metrics = await eventually(async () => {
      const metrics = await scrape(server);
      return metrics.value('tally_waiting_calls', { gate: 'large' }) === 1 && metrics;
    });
    expect(metrics.value('tally_admitted_bytes', { gate: 'large' })).toBe(150_000);
    expect(metrics.value('tally_waiting_bytes', { gate: 'large' })).toBe(150_000);
    expect(metrics.value('tally_waiting_calls', { gate: 'small' })).toBe(0);
    session.destroy();
  });
});

it('the process shows its memory, its limit, its event loop and its age', async () => {
  await withServer({ args }, async (server) => {
    const metrics = await scrape(server);
    const resident = metrics.value('tally_memory_bytes', { kind: 'resident' }) ?? 0;
    const limit = metrics.value('tally_memory_limit_bytes') ?? 0;
    expect(resident).toBeGreaterThan(10 * 1024 * 1024);
    expect(limit).toBeGreaterThan(resident);
    expect(metrics.value('tally_memory_used_bytes')).toBeGreaterThan(0);
    // Between turns in which it is looked at, the loop is held up.
    for (let turn = 0; turn < 5; turn++) {
      const until = performance.now() + 60;
      while (performance.now() < until);
      await delay(20);
    }
    const delayed = await scrape(server);
    const late = ({ value }: Scraped) =>
      (value('tally_event_loop_delay_seconds_count') ?? 0) -
      (value('tally_event_loop_delay_seconds_bucket', { le: '0.025' }) ?? 0);
    expect(late(delayed) - late(metrics)).toBeGreaterThanOrEqual(5);
    // A second reader sees the same.
    expect(late(await scrape(server))).toBeGreaterThanOrEqual(late(delayed));
    const startedAt = metrics.value('tally_start_time_seconds') ?? 0;
    expect(Math.abs(startedAt - performance.timeOrigin / 1000)).toBeLessThan(1);
    expect(metrics.value('tally_cpu_seconds_total')).toBeGreaterThan(0);
    expect(metrics.value('tally_build_info', { version: '0.1.0' })).toBe(1);
  });
});

it('there is nothing but /metrics, and it is only read', async () => {
  await withServer({ args }, async ({ metricsPort }) => {
    const status = async (url: string, method = 'GET') =>
      (await fetch(`http://127.0.0.1:${metricsPort}${url}`, { method })).status;
    expect(await status('/metrics?name=x')).toBe(200);
    expect(await status('/metrics', 'HEAD')).toBe(200);
    for (const url of ['/', '/metrics/', '/metricsx', '/../metrics/..', '//metrics']) {
      expect(await status(url), url).toBe(404);
    }
    expect(await status('/metrics', 'POST')).toBe(405);
  });
});

it('the port is on --metrics-host alone', async () => {
  await withServer({ args: [...args, '--metrics-host', '127.0.0.3'] }, async ({ metricsPort }) => {
    expect((await fetch(`http://127.0.0.3:${metricsPort}/metrics`)).status).toBe(200);
    await expect(fetch(`http://127.0.0.1:${metricsPort}/metrics`)).rejects.toThrow();
  });
});

it('a port in use, or a host that is none, is a sentence', async () => {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  await withFolder(async (folder) => {
    const start = (more: readonly string[]) =>
      startServer(
        readConfig(['--port', '0', '--data-dir', path.join(folder, 'data'), ...lessWork, ...more], {
          exitOverride: true,
        }),
      );
    await expect(start(['--metrics-port', String(port)])).rejects.toThrow(
      `Cannot serve metrics on 127.0.0.1:${port}: listen EADDRINUSE: address already in use ` +
        `127.0.0.1:${port}. Choose another port with --metrics-port, or another address with ` +
        '--metrics-host.',
    );
    await expect(start([...args, '--metrics-host', '192.0.2.1'])).rejects.toThrow(
      /^Cannot serve metrics on 192\.0\.2\.1:0: .*--metrics-host\.$/,
    );
  });
  listener.close();
});
