import {
  type AggregateResult as AggregateAnswer,
  type ColumnAggregates as ColumnAnswer,
  FileFormat,
  type NumericValue,
  type TableServiceClient,
  AggregateFunction as WireFunction,
} from '@tally/stubs';
import type { DeadlineOptions } from 'nice-grpc-client-middleware-deadline';
import { type CallDefaults, type CallOptions, readRepetition } from './call-options.js';
import { repeatedCall } from './repeated-call.js';
import { TallyError } from './tally-error.js';

/** Something that is computed of all values of a column. */
export type AggregateFunction = 'count' | 'nulls' | 'sum' | 'min' | 'max' | 'mean';

/** Which file of each chunk is read. */
export type FileKind = 'csv' | 'parquet';

/** How far an aggregate is. */
export interface AggregateProgress {
  /** Chunks that are done, of each column. */
  readonly chunksDone: number;
  /** Chunks in all, of each column. */
  readonly chunks: number;
  readonly bytesRead: number;
}

/** What can be said of an aggregate. */
export interface AggregateOptions extends CallOptions {
  /** The table; default: the default table. */
  readonly table?: string | undefined;
  /** What to compute; default: all that there is, which of columns other than numbers is count and nulls. */
  readonly functions?: readonly AggregateFunction[] | undefined;
  /** Which files to read; default: Parquet. */
  readonly format?: FileKind | undefined;
  /** The version of the table to look at; default: the latest. */
  readonly version?: number | undefined;
  /** Is called about once a second while a long one lasts. */
  readonly onProgress?: ((progress: AggregateProgress) => void) | undefined;
}

/** What was computed of one column; what was not asked for, or has no value, is undefined. */
export interface ColumnAggregates {
  readonly column: string;
  /** How many values there are. */
  readonly count: number | undefined;
  /** How many rows have none. */
  readonly nulls: number | undefined;
  /** The sum: a bigint of integers, exact however large it is; a number of doubles. */
  readonly sum: bigint | number | undefined;
  readonly min: bigint | number | undefined;
  readonly max: bigint | number | undefined;
  readonly mean: number | undefined;
}

/** What was computed. */
export interface AggregateResult {
  /** The version of the table that was looked at; undefined if nothing was ever uploaded. */
  readonly version: number | undefined;
  /** In the order of the request. */
  readonly columns: readonly ColumnAggregates[];
}

const method = '/tally.v1.TableService/Aggregate';

const wireFunctions: Readonly<Record<AggregateFunction, WireFunction>> = {
  count: WireFunction.AGGREGATE_FUNCTION_COUNT,
  nulls: WireFunction.AGGREGATE_FUNCTION_NULLS,
  sum: WireFunction.AGGREGATE_FUNCTION_SUM,
  min: WireFunction.AGGREGATE_FUNCTION_MIN,
  max: WireFunction.AGGREGATE_FUNCTION_MAX,
  mean: WireFunction.AGGREGATE_FUNCTION_MEAN,
};

/** The names of all functions. */
export const aggregateFunctions = Object.keys(wireFunctions) as readonly AggregateFunction[];

/** Counts, sums, and finds the least, the greatest and the mean of columns. */
export async function aggregate(
  client: TableServiceClient<DeadlineOptions>,
  defaults: CallDefaults,
  columns: readonly string[],
  options: AggregateOptions = {},
): Promise<AggregateResult> {
  const { table = '', functions = [], format = 'parquet', version, onProgress } = options;
  const request = {
    table,
    columns: [...columns],
    functions: functions.map((name) => wireFunctions[name]),
    format: format === 'csv' ? FileFormat.FILE_FORMAT_CSV : FileFormat.FILE_FORMAT_PARQUET,
    ...(version !== undefined && { version: BigInt(version) }),
  };
  return repeatedCall(readRepetition(defaults, options), async (call) => {
    let answer: AggregateAnswer | undefined;
    for await (const { progress, result } of client.aggregate(request, call)) {
      answer = result;
      if (progress === undefined) continue;
      const { chunksDone, chunks, bytesRead } = progress;
      onProgress?.({
        chunksDone: Number(chunksDone),
        chunks: Number(chunks),
        bytesRead: Number(bytesRead),
      });
    }
    if (answer !== undefined) return resultOf(answer);
    throw new TallyError({
      code: 'INTERNAL',
      sentence: 'the stream has ended without a result',
      method,
    });
  });
}

function resultOf({ version, columns }: AggregateAnswer): AggregateResult {
  return { version: optional(version), columns: columns.map(columnOf) };
}

const columnOf = ({
  column,
  count,
  nulls,
  sum,
  min,
  max,
  mean,
}: ColumnAnswer): ColumnAggregates => ({
  column,
  count: optional(count),
  nulls: optional(nulls),
  sum: numericValue(sum),
  min: numericValue(min),
  max: numericValue(max),
  mean,
});

const optional = (count: bigint | undefined) => (count === undefined ? undefined : Number(count));

function numericValue(value: NumericValue | undefined): bigint | number | undefined {
  if (value?.decimalValue !== undefined) return BigInt(value.decimalValue);
  return value?.int64Value ?? value?.doubleValue;
}
