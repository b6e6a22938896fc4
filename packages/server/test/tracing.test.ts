import { setTimeout as delay } from 'node:timers/promises';
import { Metadata, Status } from 'nice-grpc';
import { expect, it } from 'vitest';
import { framed, openCall, openSession, roundTrip, uploadOf } from './raw-calls.js';
import { withProcess, withServer } from './server.js';
import { piecesOf } from './table-calls.js';
import { type Span, withCollector } from './trace-collector.js';

const attribute = (span: Span | undefined, name: string) => {
  const value = span?.attributes.find(({ key }) => key === name)?.value;
  return value?.stringValue ?? value?.intValue;
};

const msOf = (span: Span | undefined) =>
  Number(BigInt(span?.endTimeUnixNano ?? 0) - BigInt(span?.startTimeUnixNano ?? 0)) / 1e6;

/** How much of a call's time one of these spans at least is of. */
function coverage(call: Span, spans: readonly Span[]): number {
  let [covered, until] = [0n, BigInt(call.startTimeUnixNano)];
  const byStart = (a: Span, b: Span) =>
    BigInt(a.startTimeUnixNano) < BigInt(b.startTimeUnixNano) ? -1 : 1;
  for (const { startTimeUnixNano, endTimeUnixNano } of spans.toSorted(byStart)) {
    const [start, end] = [BigInt(startTimeUnixNano), BigInt(endTimeUnixNano)];
    if (end > until) covered += end - (start > until ? start : until);
    if (end > until) until = end;
  }
  return Number(covered) / 1e6 / msOf(call);
}

const childrenOf = (spans: readonly Span[], parent: Span | undefined) =>
  spans.filter(({ parentSpanId }) => parentSpanId !== undefined && parentSpanId === parent?.spanId);

it('a call is a span with its stages below it, those of threads too', async () => {
  await withCollector(async ({ endpoint, spans }) => {
    // What was not sent is sent when it stops.
    await withServer({ args: ['--otlp-endpoint', endpoint] }, async (_server, clients) => {
      const { numbers, table, streamed } = clients;
      await numbers.setNum({ key: 'a', value: 5n });
      await numbers.fact({ key: 'a' });
      await streamed.upload(piecesOf('x\n1\n2\n', 3));
      await table.colSum({ column: 'x', format: 'parquet' });
    });
    const calls = spans.filter(({ parentSpanId }) => parentSpanId === undefined);
    const stagesOf = (name: string) => {
      const call = calls.find((span) => span.name === name);
      return childrenOf(spans, call).map((span) => span.name);
    };
    expect(calls.map(({ name }) => name).toSorted()).toEqual([
      'NumStore/Fact',
      'NumStore/SetNum',
      'Table/ColSum',
      'tally.v1.TableService/Upload',
    ]);
    expect(stagesOf('NumStore/SetNum').toSorted()).toEqual(['commit', 'receive', 'send']);
    expect(stagesOf('NumStore/Fact').toSorted()).toEqual([
      'factorial',
      'factorial result',
      'factorial wait',
      'read',
      'receive',
      'send',
    ]);
    const upload = ['receive', 'spool', 'convert wait', 'convert', 'commit'];
    expect(stagesOf('tally.v1.TableService/Upload')).toEqual(expect.arrayContaining(upload));
    const sum = ['receive', 'catalog', 'sum wait', 'sum'];
    expect(stagesOf('Table/ColSum')).toEqual(expect.arrayContaining(sum));
    for (const call of calls) {
      expect(call.kind).toBe(2);
      expect(call.status.code ?? 0).toBe(0);
      const [service, method] = call.name.split('/');
      expect(attribute(call, 'rpc.system')).toBe('grpc');
      expect(attribute(call, 'rpc.service')).toBe(service);
      expect(attribute(call, 'rpc.method')).toBe(method);
      expect(attribute(call, 'rpc.grpc.status_code')).toBe(0);
      for (const stage of childrenOf(spans, call)) {
        const [start, end] = [BigInt(stage.startTimeUnixNano), BigInt(stage.endTimeUnixNano)];
        expect(start).toBeLessThanOrEqual(end);
        expect(start).toBeGreaterThanOrEqual(BigInt(call.startTimeUnixNano));
        // Clocks of threads differ by some microseconds.
        expect(end).toBeLessThanOrEqual(BigInt(call.endTimeUnixNano) + 1_000_000n);
        expect(stage.traceId).toBe(call.traceId);
        const isOfThread = ['factorial', 'convert', 'sum'].includes(stage.name);
        expect(attribute(stage, 'thread.id') !== undefined, stage.name).toBe(isOfThread);
      }
    }
    const sinceMs = Date.now() - Number(BigInt(calls[0]?.startTimeUnixNano ?? 0) / 1_000_000n);
    expect(Math.abs(sinceMs)).toBeLessThan(60_000);
  });
});

it('a client that traces gets the span below its own, and one that does not want it none', async () => {
  await withCollector(async ({ endpoint, spans }) => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const parent = 'b7ad6b7169203331';
    await withServer({ args: ['--otlp-endpoint', endpoint] }, async (_server, { numbers }) => {
      const call = (traceparent: string) =>
        numbers.setNum({ key: 'a', value: 5n }, { metadata: Metadata({ traceparent }) });
      await call(`00-${traceId}-${parent}-01`);
      await call(`00-${traceId}-${parent}-00`);
      for (const wrong of ['', 'x', `00-${'0'.repeat(32)}-${parent}-01`, `00-${traceId}-01`]) {
        await call(wrong);
      }
    });
    const calls = spans.filter(({ name }) => name === 'NumStore/SetNum');
    expect(calls).toHaveLength(5);
    const below = calls.filter((span) => span.traceId === traceId);
    expect(below.map(({ parentSpanId }) => parentSpanId)).toEqual([parent]);
  });
});

it('what a later version of W3C adds is no fault, and the state of a trace is passed on', async () => {
  await withCollector(async ({ endpoint, spans }) => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const id = `${traceId}-b7ad6b7169203331`;
    const tracestate = 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE';
    await withServer({ args: ['--otlp-endpoint', endpoint] }, async (_server, { numbers }) => {
      const call = (traceparent: string) =>
        numbers.setNum(
          { key: 'a', value: 5n },
          { metadata: Metadata({ traceparent, tracestate }) },
        );
      for (const known of [`00-${id}-01`, `01-${id}-01`, `cc-${id}-01-what-the-future-will-be`]) {
        await call(known);
      }
      for (const wrong of [`ff-${id}-01`, `00-${id}-01-x`, `cc-${id}-01.x`, `cc-${id}-1`]) {
        await call(wrong);
      }
    });
    const calls = spans.filter(({ name }) => name === 'NumStore/SetNum');
    expect(calls).toHaveLength(7);
    const below = calls.filter((span) => span.traceId === traceId);
    expect(below.map(({ traceState }) => traceState)).toEqual([tracestate, tracestate, tracestate]);
    // One that is not understood has no state either.
    const others = calls.filter((span) => span.traceId !== traceId);
    for (const { traceState } of others) expect(traceState ?? '').toBe('');
  });
});

it('spans are there for forms of CSV, aggregates and exports, and cover their calls', async () => {
  await withCollector(async ({ endpoint, spans }) => {
    const args = ['--otlp-endpoint', endpoint, '--durability', 'fsync'];
    await withServer({ args }, async (_server, { streamed }) => {
      const csvOptions = { delimiter: ';' };
      async function* messages() {
        yield { csvOptions, csvData: Buffer.from(`x;y\n${'1;2\n'.repeat(200_000)}`) };
      }
      await streamed.upload(messages());
      for await (const _ of streamed.aggregate({ columns: ['x'] }));
      for await (const _ of streamed.export({ columns: ['x'] }));
    });
    const expected = {
      Upload: [
        'receive',
        'spool',
        'normalise wait',
        'normalise',
        'convert',
        'sync',
        'commit',
        'send',
      ],
      Aggregate: ['receive', 'catalog', 'aggregate wait', 'aggregate', 'send'],
      Export: ['receive', 'catalog', 'room wait', 'export wait', 'export', 'send'],
    };
    for (const [method, stages] of Object.entries(expected)) {
      const call = spans.find(({ name }) => name === `tally.v1.TableService/${method}`);
      const children = childrenOf(spans, call);
      expect(children.map(({ name }) => name)).toEqual(expect.arrayContaining(stages));
      expect(coverage(call as Span, children), method).toBeGreaterThan(0.9);
      for (const stage of children) {
        const isOfThread = ['normalise', 'convert', 'sync', 'aggregate', 'export'];
        const has = attribute(stage, 'thread.id') !== undefined;
        expect(has, stage.name).toBe(isOfThread.includes(stage.name));
      }
    }
  });
});

it('the wait of a message is a span where it was', async () => {
  await withCollector(async ({ endpoint, spans }) => {
    const bytes = 200_000;
    const limits = ['--message-bytes-max', String(bytes), '--admitted-bytes-max', String(bytes)];
    await withServer({ args: ['--otlp-endpoint', endpoint, ...limits] }, async (server) => {
      const session = await openSession(server);
      const message = framed(uploadOf(bytes));
      const first = openCall(session, '/Table/Upload');
      first.stream.write(message.subarray(0, 100_000));
      await roundTrip(session);
      const second = openCall(session, '/Table/Upload');
      await roundTrip(session);
      await delay(50);
      second.stream.end(message);
      await roundTrip(session);
      await delay(200);
      first.stream.end(message.subarray(100_000));
      await Promise.all([first.ended, second.ended]);
      session.destroy();
    });
    const waits = spans.filter(({ name }) => name === 'admission wait');
    expect(waits).toHaveLength(1);
    const [wait] = waits;
    const call = spans.find(({ spanId }) => spanId === wait?.parentSpanId);
    const receives = childrenOf(spans, call).filter(({ name }) => name === 'receive');
    expect(receives).toHaveLength(2);
    expect(msOf(wait)).toBeGreaterThan(150);
    // Nothing of the message was there when the call began.
    expect(msOf(receives[0])).toBeGreaterThan(40);
    expect(receives[0]?.endTimeUnixNano).toBe(wait?.startTimeUnixNano);
    expect(receives[1]?.startTimeUnixNano).toBe(wait?.endTimeUnixNano);
  });
});

it('a failed call is a span with an error and what its client was told', async () => {
  await withCollector(async ({ endpoint, spans }) => {
    await withServer({ args: ['--otlp-endpoint', endpoint] }, async (_server, clients) => {
      await expect(clients.numberService.getNumber({ key: 'b' })).rejects.toThrow();
    });
    const call = spans.find(({ name }) => name === 'tally.v1.NumberService/GetNumber');
    const message = 'no number is called "b": set it first';
    expect(call?.status).toEqual({ code: 2, message });
    expect(attribute(call, 'rpc.grpc.status_code')).toBe(Status.NOT_FOUND);
  });
});

it.each([
  { perThousand: 0, least: 0, most: 0 },
  { perThousand: 500, least: 50, most: 150 },
  { perThousand: 1000, least: 200, most: 200 },
])('of 1,000 calls $perThousand are traced', async ({ perThousand, least, most }) => {
  await withCollector(async ({ endpoint, spans }) => {
    const args = ['--otlp-endpoint', endpoint, '--traces-per-thousand', String(perThousand)];
    await withServer({ args }, async (_server, { numbers }) => {
      for (let i = 0; i < 200; i++) await numbers.setNum({ key: 'a', value: 5n });
    });
    const { length } = spans.filter(({ parentSpanId }) => parentSpanId === undefined);
    expect(length).toBeGreaterThanOrEqual(least);
    expect(length).toBeLessThanOrEqual(most);
  });
});

it('without --otlp-endpoint nothing of OpenTelemetry is loaded but its API, which prom-client has', async () => {
  const nodeArgs = ['--import', new URL('./report-modules.mjs', import.meta.url).href];
  const loaded = async (args: readonly string[]) => {
    const server = await withProcess({ nodeArgs, args }, async (server, { numbers }) => {
      await numbers.setNum({ key: 'a', value: 5n });
      return server;
    });
    return server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('loaded') && !line.includes('/@opentelemetry/api/'));
  };
  expect(await loaded(['--metrics-port', '0'])).toEqual([]);
  await withCollector(async ({ endpoint }) => {
    expect(await loaded(['--otlp-endpoint', endpoint])).not.toEqual([]);
  });
});
