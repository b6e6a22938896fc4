import {
  AggregateFunction,
  type AggregateRequest,
  type AggregateResponse,
  type ColumnAggregates,
  type DeepPartial,
  FileFormat,
  type NumericValue,
} from '@tally/stubs';
import { type CallContext, Status } from 'nice-grpc';
import { sending } from '../observe/call-record.js';
import type { Observed } from '../observe/observe-calls.js';
import { badRequest, failure } from '../rpc/rich-errors.js';
import { whenOpened } from '../rpc/when-opened.js';
import type { ColumnAggregate } from './aggregate.js';
import { aggregateColumn } from './column-aggregate.js';
import { columnNotFound, columnsMax, existingTable, quoted, versionOf } from './existing-table.js';
import type { ColumnEntry } from './index-entry.js';
import type { Table, Tables } from './tables.js';

/** How often a call tells how far it is. */
const progressMs = 1000;

const { COUNT, NULLS, SUM, MIN, MAX, MEAN } = {
  COUNT: AggregateFunction.AGGREGATE_FUNCTION_COUNT,
  NULLS: AggregateFunction.AGGREGATE_FUNCTION_NULLS,
  SUM: AggregateFunction.AGGREGATE_FUNCTION_SUM,
  MIN: AggregateFunction.AGGREGATE_FUNCTION_MIN,
  MAX: AggregateFunction.AGGREGATE_FUNCTION_MAX,
  MEAN: AggregateFunction.AGGREGATE_FUNCTION_MEAN,
};
const allFunctions: readonly AggregateFunction[] = [COUNT, NULLS, SUM, MIN, MAX, MEAN];
const numericFunctions: readonly AggregateFunction[] = [SUM, MIN, MAX, MEAN];

type Response = DeepPartial<AggregateResponse>;

/** Aggregate of tally.v1; calls wait until `opening` has resolved. */
export function aggregateCall(opening: Promise<Tables>) {
  const open = whenOpened(opening);
  return async function* aggregate(
    request: AggregateRequest,
    { signal, stages }: CallContext & Observed,
  ): AsyncGenerator<Response> {
    const functions = functionsOf(request);
    const format = formatOf(request);
    checkColumns(request.columns);
    const tables = await open(stages);
    stages.enter('catalog');
    const table = await existingTable(tables, request.table);
    const { catalog } = table.ingest;
    const version = await versionOf(table, request.version);
    const { chunks, rows } = await catalog.sizeAt(version);
    const progress = { chunksDone: 0, chunks: chunks * request.columns.length, bytesRead: 0 };

    async function aggregateOne(column: string): Promise<DeepPartial<ColumnAggregates>> {
      stages.enter('catalog');
      const entries = await catalog.column(column, version);
      checkEntries(table, column, entries, request.functions);
      const onFile = ({ csvBytes, ranges }: ColumnEntry) => {
        progress.chunksDone++;
        progress.bytesRead +=
          format === 'csv' || ranges === undefined
            ? csvBytes
            : ranges.reduce((sum, { bytes }) => sum + bytes, 0);
      };
      const found = await aggregateColumn(
        table.sum,
        column,
        entries,
        format,
        false,
        signal,
        stages,
        onFile,
      );
      if ('error' in found) {
        throw failure(Status.DATA_LOSS, found.error, { reason: 'FILE_DAMAGED' });
      }
      // Chunks that do not have the column are done, too.
      progress.chunksDone += chunks - entries.length;
      return answerOf(column, found, rows, functions);
    }

    async function aggregateAll() {
      const columns: DeepPartial<ColumnAggregates>[] = [];
      for (const column of request.columns) columns.push(await aggregateOne(column));
      return columns;
    }

    const all = aggregateAll();
    const isDone = all.then(
      () => true,
      () => true,
    );
    while (!(await Promise.race([isDone, falseAfter(progressMs)]))) {
      yield {
        progress: {
          chunksDone: BigInt(progress.chunksDone),
          chunks: BigInt(progress.chunks),
          bytesRead: BigInt(progress.bytesRead),
        },
      };
    }
    const columns = await all;
    stages.enter(sending);
    yield { result: { columns, ...(version >= 0 && { version: BigInt(version) }) } };
  };
}

const falseAfter = (ms: number) =>
  new Promise<false>((resolve) => {
    setTimeout(resolve, ms, false).unref();
  });

function functionsOf({ functions }: AggregateRequest): ReadonlySet<AggregateFunction> {
  const strange = functions.find((one) => !allFunctions.includes(one));
  if (strange !== undefined) {
    throw badRequest(
      'functions',
      `the function ${strange} is unknown: COUNT, NULLS, SUM, MIN, MAX and MEAN are allowed`,
      'FUNCTION_UNKNOWN',
    );
  }
  return new Set(functions.length === 0 ? allFunctions : functions);
}

function formatOf({ format }: AggregateRequest): 'csv' | 'parquet' {
  if (format === FileFormat.FILE_FORMAT_CSV) return 'csv';
  if (format === FileFormat.FILE_FORMAT_PARQUET) return 'parquet';
  if (format === FileFormat.FILE_FORMAT_UNSPECIFIED) return 'parquet';
  throw badRequest(
    'format',
    `the format ${format} is unknown: CSV and PARQUET are allowed`,
    'FORMAT_UNKNOWN',
  );
}

function checkColumns(columns: readonly string[]): void {
  if (columns.length === 0 || columns.length > columnsMax) {
    throw badRequest(
      'columns',
      `${columns.length} columns are named: 1 to ${columnsMax} are allowed`,
      'COLUMNS_INVALID',
    );
  }
}

function checkEntries(
  table: Table,
  column: string,
  entries: readonly ColumnEntry[],
  asked: readonly AggregateFunction[],
): void {
  if (entries.length === 0) throw columnNotFound(table, column);
  const other = entries.find(({ type }) => type !== null && type !== 'long' && type !== 'double');
  if (other === undefined || !asked.some((one) => numericFunctions.includes(one))) return;
  throw badRequest(
    'functions',
    `the column ${quoted(column)} is of type ${other.type} in chunk ${other.chunkNumber}: COUNT and ` +
      'NULLS are allowed',
    'COLUMN_NOT_NUMERIC',
  );
}

function answerOf(
  column: string,
  { count, sum, min, max, mean }: ColumnAggregate,
  rows: number,
  functions: ReadonlySet<AggregateFunction>,
): DeepPartial<ColumnAggregates> {
  const asked = <T>(one: AggregateFunction, value: T) => (functions.has(one) ? value : undefined);
  return {
    column,
    count: asked(COUNT, BigInt(count)),
    nulls: asked(NULLS, BigInt(rows - count)),
    sum: asked(SUM, numericValue(sum)),
    min: asked(MIN, numericValue(min)),
    max: asked(MAX, numericValue(max)),
    mean: asked(MEAN, mean),
  };
}

function numericValue(value: bigint | number | undefined): DeepPartial<NumericValue> | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number') return { doubleValue: value };
  return BigInt.asIntN(64, value) === value
    ? { int64Value: value }
    : { decimalValue: String(value) };
}
