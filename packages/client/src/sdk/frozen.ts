import type {
  ColSumReq,
  ColSumResp,
  FactRequest,
  FactResponse,
  NumStoreClient,
  SetNumRequest,
  SetNumResponse,
  TableClient,
  UploadReq,
  UploadResp,
} from '@tally/stubs';
import { Metadata } from 'nice-grpc';
import type { DeadlineOptions } from 'nice-grpc-client-middleware-deadline';
import {
  type CallDefaults,
  type CallOptions,
  type ChangeOptions,
  changeRepetition,
  readRepetition,
} from './call-options.js';
import { type AttemptOptions, repeatedCall } from './repeated-call.js';

/** What can be said of a column sum. */
export interface ColSumOptions extends CallOptions {
  /** Reads each file whole and compares its checksum first. */
  readonly verifyChecksums?: boolean | undefined;
}

/** A column sum, and how many files it took. */
export interface ColSumAnswer extends ColSumResp {
  /** Files that were read, and did not come from the cache. */
  readonly filesRead: number;
  /** Those of them whose checksum was compared. */
  readonly filesChecked: number;
}

/**
 * The calls of NumStore and Table, the services of the first version, on the same numbers and the default
 * table. An answer whose `error` is not empty is an answer: nothing is thrown for it.
 */
export interface Frozen {
  /** Gives a number a value; answers the total. */
  setNum(request: SetNumRequest, options?: ChangeOptions): Promise<SetNumResponse>;
  /** The factorial of a number, if it fits int64. */
  fact(request: FactRequest, options?: CallOptions): Promise<FactResponse>;
  /** Uploads a CSV file of up to 64 MiB in one message. */
  upload(request: UploadReq, options?: ChangeOptions): Promise<UploadResp>;
  /** Sums a column of integers; a column that nobody has comes to 0. */
  colSum(request: ColSumReq, options?: ColSumOptions): Promise<ColSumAnswer>;
}

/** The calls of the frozen services. */
export function frozenCalls(
  numStore: NumStoreClient<DeadlineOptions>,
  table: TableClient<DeadlineOptions>,
  defaults: CallDefaults,
): Frozen {
  const read = (options?: CallOptions) => readRepetition(defaults, options);
  const change = (options?: ChangeOptions) => changeRepetition(defaults, options);
  return {
    setNum: (request, options) =>
      repeatedCall(change(options), (call) => numStore.setNum(request, call)),
    fact: (request, options) => repeatedCall(read(options), (call) => numStore.fact(request, call)),
    upload: (request, options) =>
      repeatedCall(change(options), (call) => table.upload(request, call)),
    colSum: (request, { verifyChecksums, ...options } = {}) =>
      repeatedCall(read(options), (call) => colSum(table, request, verifyChecksums === true, call)),
  };
}

async function colSum(
  table: TableClient<DeadlineOptions>,
  request: ColSumReq,
  verifyChecksums: boolean,
  call: AttemptOptions,
): Promise<ColSumAnswer> {
  let files = { filesRead: 0, filesChecked: 0 };
  const answer = await table.colSum(request, {
    ...call,
    ...(verifyChecksums && { metadata: Metadata({ 'tally-verify-checksums': 'true' }) }),
    onTrailer(trailer) {
      const count = (name: string) => Number(trailer.get(name) ?? 0);
      files = { filesRead: count('tally-files-read'), filesChecked: count('tally-files-checked') };
      call.onTrailer?.(trailer);
    },
  });
  return { ...answer, ...files };
}
