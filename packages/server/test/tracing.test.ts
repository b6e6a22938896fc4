import { Metadata, Status } from 'nice-grpc';
import { expect, it } from 'vitest';
import { withProcess, withServer } from './server.js';
import { piecesOf } from './table-calls.js';
import { type Span, withCollector } from './trace-collector.js';

const attribute = (span: Span | undefined, name: string) => {
  const value = span?.attributes.find(({ key }) => key === name)?.value;
  return value?.stringValue ?? value?.intValue;
};

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
