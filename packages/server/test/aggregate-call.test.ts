import { AggregateFunction, type AggregateResponse, FileFormat } from '@tally/stubs';
import { Status } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import { sharedServer } from './server.js';
import { piecesOf } from './table-calls.js';

const shared = sharedServer();
const service = () => shared.connection.streamed;

const { AGGREGATE_FUNCTION_COUNT: COUNT, AGGREGATE_FUNCTION_SUM: SUM } = AggregateFunction;

async function* file(table: string, csv: string) {
  yield { table, csvData: Buffer.from(csv) };
}

let made = 0;
async function tableOf(...files: readonly string[]): Promise<string> {
  const table = `aggregated-${++made}`;
  await service().createTable({ table });
  for (const csv of files) await service().upload(file(table, csv));
  return table;
}

/** The last message of a call. */
async function resultOf(messages: AsyncIterable<AggregateResponse>) {
  let last: AggregateResponse | undefined;
  for await (const message of messages) {
    expect(last?.result).toBe(undefined);
    last = message;
  }
  return last?.result;
}

const both = [FileFormat.FILE_FORMAT_CSV, FileFormat.FILE_FORMAT_PARQUET] as const;

describe('aggregates', () => {
  test.each(both)('of integers, doubles and texts are exact (format %s)', async (format) => {
    const table = await tableOf(
      'n,d,t,only\n9223372036854775807,0.1,a,1\n,0.2,,\n9223372036854775807,,"",3\n',
      'n,d,t\n-5,1e308,b\n',
    );
    const columns = ['n', 'd', 't', 'only'];
    const result = await resultOf(service().aggregate({ table, columns, format }));
    expect(result?.version).toBe(1n);
    expect(result?.columns).toMatchObject([
      {
        column: 'n',
        count: 3n,
        nulls: 1n,
        sum: { decimalValue: '18446744073709551609' },
        min: { int64Value: -5n },
        max: { int64Value: 9223372036854775807n },
        mean: Number(18446744073709551609n) / 3,
      },
      {
        column: 'd',
        count: 3n,
        nulls: 1n,
        sum: { doubleValue: 1e308 },
        min: { doubleValue: 0.1 },
        max: { doubleValue: 1e308 },
      },
      { column: 't', count: 3n, nulls: 1n, sum: undefined, min: undefined, mean: undefined },
      { column: 'only', count: 2n, nulls: 2n, sum: { int64Value: 4n }, mean: 2 },
    ]);
  });

  test.each(both)('of a version are those of its chunks (format %s)', async (format) => {
    const table = await tableOf('x\n1\n', 'x\n10\n', 'y\n7\n', 'x\n100\n');
    const { chunks } = await service().listChunks({ table });
    await service().deleteChunk({ table, chunkId: chunks[1]?.chunkId ?? '' });
    const sums = [];
    for (const version of [0n, 1n, 2n, 3n, 4n, undefined]) {
      const result = await resultOf(
        service().aggregate({ table, columns: ['x'], format, version }),
      );
      const [{ sum, nulls } = {}] = result?.columns ?? [];
      sums.push([result?.version, sum?.int64Value, nulls]);
    }
    expect(sums).toEqual([
      [0n, 1n, 0n],
      [1n, 11n, 0n],
      [2n, 11n, 1n],
      [3n, 111n, 1n],
      [4n, 101n, 1n],
      [4n, 101n, 1n],
    ]);
  });

  test('are those that are asked for', async () => {
    const table = await tableOf('x,t\n1,a\n');
    const result = await resultOf(
      service().aggregate({ table, columns: ['x', 'x'], functions: [SUM] }),
    );
    const one = { column: 'x', sum: { int64Value: 1n }, count: undefined, mean: undefined };
    expect(result?.columns).toMatchObject([one, one]);
    const texts = service().aggregate({ table, columns: ['t'], functions: [COUNT] });
    expect((await resultOf(texts))?.columns).toMatchObject([{ column: 't', count: 1n }]);
  });

  test('are refused with what is allowed', async () => {
    const table = await tableOf('x,t\n1,a\n');
    const empty = await tableOf();
    const { INVALID_ARGUMENT, NOT_FOUND, OUT_OF_RANGE } = Status;
    const refusals: [object, Status, string | RegExp][] = [
      [{ columns: [] }, INVALID_ARGUMENT, '0 columns are named: 1 to 1000 are allowed'],
      [
        { columns: Array(1001).fill('x') },
        INVALID_ARGUMENT,
        '1001 columns are named: 1 to 1000 are allowed',
      ],
      [
        { columns: ['z'] },
        NOT_FOUND,
        `the table "${table}" has no column "z": DescribeTable lists them`,
      ],
      [{ columns: ['x'], table: 'none' }, NOT_FOUND, /^there is no table "none"/],
      [
        { columns: ['x'], version: 1n },
        OUT_OF_RANGE,
        `the table "${table}" has no version 1: 0 to 0 are there`,
      ],
      [{ columns: ['x'], version: -1n }, OUT_OF_RANGE, /has no version -1/],
      [
        { columns: ['x'], table: empty, version: 0n },
        OUT_OF_RANGE,
        `the table "${empty}" has no version 0: it has none yet`,
      ],
      [
        { columns: ['t'], functions: [SUM] },
        INVALID_ARGUMENT,
        'the column "t" is of type string in chunk 1: COUNT and NULLS are allowed',
      ],
      [{ columns: ['x'], functions: [99] }, INVALID_ARGUMENT, /^the function 99 is unknown/],
      [{ columns: ['x'], format: 7 }, INVALID_ARGUMENT, /^the format 7 is unknown/],
    ];
    for (const [request, code, details] of refusals) {
      const call = resultOf(service().aggregate({ table, ...request }));
      await expect(call).rejects.toMatchObject({
        code,
        details: typeof details === 'string' ? details : expect.stringMatching(details),
      });
    }
  });

  test('see what the frozen service sees', async () => {
    await shared.connection.streamed.upload(piecesOf('frozen\n1\n2\n', 4));
    const result = await resultOf(service().aggregate({ columns: ['frozen'] }));
    expect(result?.columns).toMatchObject([{ count: 2n, sum: { int64Value: 3n }, mean: 1.5 }]);
  });
});
