import type { DeepPartial, NumberOperation, NumberServiceClient } from '@tally/stubs';
import type { DeadlineOptions } from 'nice-grpc-client-middleware-deadline';
import {
  type CallDefaults,
  type CallOptions,
  type ChangeOptions,
  changeRepetition,
  readRepetition,
} from './call-options.js';
import { exactInteger, type Integer } from './integer.js';
import { entriesOf, type ListOptions } from './pages.js';
import { repeatedCall } from './repeated-call.js';

/** A number and its key. */
export interface NumberEntry {
  readonly key: string;
  readonly value: bigint;
}

/** What a change of one number has led to. */
export interface NumberChange {
  /** The number after it; of one that was removed, the number as it was. */
  readonly value: bigint;
  /** The sum of all numbers after it. */
  readonly total: bigint;
}

/** One of the operations of a batch. */
export type BatchOperation = { readonly key: string } & (
  | { readonly set: Integer }
  | { readonly add: Integer }
  | { readonly delete: true }
  | { readonly get: true }
);

/** What a batch has led to. */
export interface BatchResult {
  /** For each operation the number after it; of one that was removed, the number as it was. */
  readonly values: readonly bigint[];
  /** The sum of all numbers after all operations. */
  readonly total: bigint;
}

/** A factorial. */
export interface Factorial {
  /** What it is the factorial of. */
  readonly n: bigint;
  /** n!, exactly. */
  readonly value: bigint;
  /** Whether it came from the server's cache. */
  readonly hit: boolean;
}

/** Numbers about the numbers. */
export interface NumberStats {
  /** How many numbers there are. */
  readonly count: number;
  /** Their sum. */
  readonly total: bigint;
  /** The cache of factorials, since the server has started. */
  readonly factorialCache: {
    readonly hits: number;
    readonly misses: number;
    readonly entries: number;
    readonly entriesMax: number;
    readonly bytes: number;
  };
  /** How long factorials took that were computed, in microseconds. */
  readonly factorialLatency: {
    readonly count: number;
    readonly p50Us: number;
    readonly p90Us: number;
    readonly p99Us: number;
    readonly maxUs: number;
  };
}

/** What can be said of a list of numbers. */
export interface NumberListOptions extends ListOptions {
  /** Only keys that begin with it; default: all. */
  readonly prefix?: string | undefined;
}

/** The named integers: a key has 1 to 1,024 bytes of UTF-8, a value and the total are within int64. */
export interface Numbers {
  /** Reads a number. Throws NOT_FOUND if there is none of that key. */
  get(key: string, options?: CallOptions): Promise<bigint>;
  /** Makes a number, or gives it another value; resolves to the sum of all numbers after it. */
  set(key: string, value: Integer, options?: ChangeOptions): Promise<bigint>;
  /** Adds to a number; one that does not exist counts as 0, and is made. */
  add(key: string, delta: Integer, options?: ChangeOptions): Promise<NumberChange>;
  /** Removes a number. Throws NOT_FOUND if there is none of that key. */
  delete(key: string, options?: ChangeOptions): Promise<NumberChange>;
  /** All numbers, or those of a prefix, in the order of the bytes of their keys. */
  list(options?: NumberListOptions): AsyncIterable<NumberEntry>;
  /** Does 1 to 10,000 operations in their order, all or none, in one transaction. */
  batch(operations: readonly BatchOperation[], options?: ChangeOptions): Promise<BatchResult>;
  /** Computes a factorial exactly: of n, or of the number of a key. */
  factorial(of: Integer | { readonly key: string }, options?: CallOptions): Promise<Factorial>;
  /** How many numbers there are, and how the factorials do. */
  stats(options?: CallOptions): Promise<NumberStats>;
}

/** The calls of NumberService. */
export function numberCalls(
  client: NumberServiceClient<DeadlineOptions>,
  defaults: CallDefaults,
): Numbers {
  const read = (options?: CallOptions) => readRepetition(defaults, options);
  const change = (options?: ChangeOptions) => changeRepetition(defaults, options);
  return {
    async get(key, options) {
      return (await repeatedCall(read(options), (call) => client.getNumber({ key }, call))).value;
    },
    async set(key, value, options) {
      const request = { key, value: exactInteger(value) };
      return (await repeatedCall(change(options), (call) => client.setNumber(request, call))).total;
    },
    async add(key, delta, options) {
      const request = { key, delta: exactInteger(delta) };
      return repeatedCall(change(options), (call) => client.addToNumber(request, call));
    },
    delete: (key, options) =>
      repeatedCall(change(options), (call) => client.deleteNumber({ key }, call)),
    list({ prefix = '', pageSize = 0, ...options } = {}) {
      const pageAfter = (pageToken: string) =>
        repeatedCall(read(options), (call) =>
          client.listNumbers({ prefix, pageSize, pageToken }, call),
        );
      return entriesOf(pageAfter, ({ numbers }) => numbers);
    },
    async batch(operations, options) {
      const request = { operations: operations.map(operationOf) };
      return repeatedCall(change(options), (call) => client.batchNumbers(request, call));
    },
    async factorial(of, options) {
      const request = typeof of === 'object' ? { key: of.key } : { n: exactInteger(of) };
      const { n, hit, factorial } = await repeatedCall(read(options), (call) =>
        client.computeFactorial(request, call),
      );
      return { n, hit, value: bigEndian(factorial) };
    },
    async stats(options) {
      const stats = await repeatedCall(read(options), (call) => client.getNumberStats({}, call));
      return statsOf(stats);
    },
  };
}

function operationOf(operation: BatchOperation): DeepPartial<NumberOperation> {
  const { key } = operation;
  if ('set' in operation) return { key, set: exactInteger(operation.set) };
  if ('add' in operation) return { key, add: exactInteger(operation.add) };
  return 'delete' in operation ? { key, delete: true } : { key, get: true };
}

/** The unsigned integer of these bytes, the most significant first; 0 of none. */
function bigEndian(bytes: Uint8Array): bigint {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  return BigInt(`0x0${hex}`);
}

function statsOf(stats: Awaited<ReturnType<NumberServiceClient['getNumberStats']>>): NumberStats {
  const { factorialCache: cache, factorialLatency: latency } = stats;
  return {
    count: Number(stats.count),
    total: stats.total,
    factorialCache: {
      hits: Number(cache?.hits ?? 0),
      misses: Number(cache?.misses ?? 0),
      entries: cache?.entries ?? 0,
      entriesMax: cache?.entriesMax ?? 0,
      bytes: Number(cache?.bytes ?? 0),
    },
    factorialLatency: {
      count: Number(latency?.count ?? 0),
      p50Us: Number(latency?.p50Us ?? 0),
      p90Us: Number(latency?.p90Us ?? 0),
      p99Us: Number(latency?.p99Us ?? 0),
      maxUs: Number(latency?.maxUs ?? 0),
    },
  };
}
