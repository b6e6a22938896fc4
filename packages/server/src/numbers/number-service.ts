import type {
  AddToNumberRequest,
  BatchNumbersRequest,
  ComputeFactorialRequest,
  DeleteNumberRequest,
  GetNumberRequest,
  ListNumbersRequest,
  NumberOperation,
  SetNumberRequest,
} from '@tally/stubs';
import { Status } from 'nice-grpc';
import type { Config } from '../config.js';
import { idempotencyKeyIn, idempotencyKeyOf, markReplay } from '../rpc/idempotency-key.js';
import { type PagedList, pageStart, pageToken } from '../rpc/pages.js';
import { badRequest, failure } from '../rpc/rich-errors.js';
import { type ShortCall, throwIfOver } from '../rpc/short-calls.js';
import { whenOpened } from '../rpc/when-opened.js';
import { cacheEntriesMax } from './factorials.js';
import type { Done, Operation } from './operations.js';
import { checkKey, noSuchNumber, quoted, refusalError } from './refusals.js';
import type { ChangeCall } from './remembered-change.js';
import type { Numbers } from './service.js';

/** Operations of one batch: what it does keeps everybody else waiting. */
const operationsMax = 10_000;

const numberList = (prefix: string): PagedList => ({
  query: ['numbers', prefix],
  sizeMax: 10_000,
  sizeDefault: 1000,
});

/** Most gRPC clients take messages of up to 4 MiB, and each number has some bytes besides its key. */
const pageKeyBytesMax = 3 * 1024 * 1024;

/** What the requests of all calls that change something have in common. */
interface Keyed {
  readonly idempotencyKey?: string | undefined;
}

/** tally.v1's NumberService: short methods; calls wait until `opening` has resolved. */
export function numberService(opening: Promise<Numbers>, config: Config) {
  const { keyBytesMax, keysMax } = config;
  const open = whenOpened(opening);

  /** The numbers once they are open, from when on the call is at `stage`. */
  async function whenOpen(call: ShortCall, stage: string): Promise<Numbers> {
    const numbers = await open(call.stages);
    throwIfOver(call);
    call.stages.enter(stage);
    return numbers;
  }

  async function change(
    name: ChangeCall,
    operations: readonly Operation[],
    request: Keyed,
    call: ShortCall,
  ): Promise<Done> {
    const idempotencyKey = idempotencyKeyIn(request.idempotencyKey, idempotencyKeyOf(call));
    const { store } = await whenOpen(call, 'commit');
    const asked = { call: name, operations, idempotencyKey };
    const { outcome, isReplay } = await store.change(asked);
    if (isReplay) markReplay(call);
    if ('refusal' in outcome) throw refusalError(outcome, asked, keysMax);
    return outcome;
  }

  /** A change of one number: what it is after it, and the total. */
  async function changeOne(operation: Operation, request: Keyed, call: ShortCall) {
    checkKey(operation.key, keyBytesMax);
    const { kind } = operation;
    const done = await change(kind as ChangeCall, [operation], request, call);
    return { value: done.values[0] ?? 0n, total: done.total };
  }

  return {
    async getNumber({ key }: GetNumberRequest, call: ShortCall) {
      checkKey(key, keyBytesMax);
      const { store } = await whenOpen(call, 'read');
      const value = store.get(key);
      if (value === undefined) throw noSuchNumber(key);
      return { value };
    },

    async setNumber(request: SetNumberRequest, call: ShortCall) {
      const { key, value } = request;
      const { total } = await changeOne({ kind: 'set', key, value }, request, call);
      return { total };
    },

    addToNumber(request: AddToNumberRequest, call: ShortCall) {
      const { key, delta } = request;
      return changeOne({ kind: 'add', key, value: delta }, request, call);
    },

    deleteNumber(request: DeleteNumberRequest, call: ShortCall) {
      return changeOne({ kind: 'delete', key: request.key }, request, call);
    },

    async listNumbers(request: ListNumbersRequest, call: ShortCall) {
      const { prefix } = request;
      const list = numberList(prefix);
      const { size: entriesMax, after } = pageStart(list, request);
      const { store } = await whenOpen(call, 'read');
      const room = { entriesMax, keyBytesMax: pageKeyBytesMax };
      const { entries, hasMore } = store.list(prefix, after, room);
      const last = entries.at(-1);
      const nextPageToken = hasMore && last !== undefined ? pageToken(list, last.key) : '';
      return { numbers: [...entries], nextPageToken };
    },

    async batchNumbers(request: BatchNumbersRequest, call: ShortCall) {
      const { length } = request.operations;
      if (length === 0 || length > operationsMax) {
        throw badRequest(
          'operations',
          `the batch has ${length} operations: 1 to ${operationsMax} are allowed`,
          length === 0 ? 'BATCH_EMPTY' : 'BATCH_TOO_LARGE',
          { operations_max: String(operationsMax) },
        );
      }
      const operations = request.operations.map((one, i) => operationOf(one, i, keyBytesMax));
      const { values, total } = await change('batch', operations, request, call);
      return { values: [...values], total };
    },

    async computeFactorial(request: ComputeFactorialRequest, call: ShortCall) {
      const { n: given, key } = checkedFactorial(request, config);
      const { store, factorials } = await whenOpen(call, 'read');
      const n = given ?? store.get(key);
      if (n === undefined) throw noSuchNumber(key);
      checkFactorial(n, given === undefined ? quoted(key) : 'n', config.factorialMax);
      const { bytes: factorial, hit } = await factorials.compute(Number(n), call.stages);
      return { factorial, hit, n };
    },

    async getNumberStats(_request: object, call: ShortCall) {
      const { store, factorials } = await whenOpen(call, 'read');
      const { total, count } = store.totals();
      const { hits, misses, entries, bytes, latency } = factorials.stats();
      return {
        count: BigInt(count),
        total,
        factorialCache: {
          hits: BigInt(hits),
          misses: BigInt(misses),
          entries,
          entriesMax: cacheEntriesMax,
          bytes: BigInt(bytes),
        },
        factorialLatency: {
          count: BigInt(latency.count),
          p50Us: BigInt(latency.percentileUs(50)),
          p90Us: BigInt(latency.percentileUs(90)),
          p99Us: BigInt(latency.percentileUs(99)),
          maxUs: BigInt(latency.maxUs),
        },
      };
    },
  };
}

/** An operation of a batch as it is asked for. Throws INVALID_ARGUMENT, which says which one it is. */
function operationOf(asked: NumberOperation, index: number, keyBytesMax: number): Operation {
  const { key, set, add, delete: remove, get } = asked;
  const where = `operation ${index}: `;
  const field = `operations[${index}]`;
  const metadata = { operation: String(index) };
  checkKey(key, keyBytesMax, `${field}.key`, where);
  const given = [set, add, remove, get].filter((one) => one !== undefined).length;
  if (given !== 1) {
    throw badRequest(
      field,
      `${where}it says ${given === 0 ? 'nothing' : 'more than one thing'} to do: exactly one of ` +
        'set, add, delete and get is allowed',
      given === 0 ? 'OPERATION_MISSING' : 'OPERATION_AMBIGUOUS',
      metadata,
    );
  }
  if (remove === false || get === false) {
    const name = remove === false ? 'delete' : 'get';
    throw badRequest(
      `${field}.${name}`,
      `${where}${name} is false: it must be true, or another operation be given`,
      'OPERATION_NOT_TRUE',
      metadata,
    );
  }
  if (set !== undefined) return { kind: 'set', key, value: set };
  if (add !== undefined) return { kind: 'add', key, value: add };
  return { kind: remove === true ? 'delete' : 'get', key };
}

/** Of what a factorial is asked for: exactly one of a number and a key that a number may have. */
function checkedFactorial(
  { n, key }: ComputeFactorialRequest,
  { keyBytesMax }: Config,
): { readonly n: bigint | undefined; readonly key: string } {
  if ((n === undefined) === (key === undefined)) {
    throw badRequest(
      'of',
      `the request says ${n === undefined ? 'neither n nor a key' : 'both n and a key'}: exactly ` +
        'one of n and key is allowed',
      n === undefined ? 'FACTORIAL_OF_NOTHING' : 'FACTORIAL_AMBIGUOUS',
    );
  }
  if (key !== undefined) checkKey(key, keyBytesMax);
  return { n, key: key ?? '' };
}

/** Throws OUT_OF_RANGE for a number whose factorial is not computed. */
function checkFactorial(n: bigint, what: string, factorialMax: number): void {
  if (n >= 0n && n <= BigInt(factorialMax)) return;
  const why =
    n < 0n
      ? `a negative number has no factorial, 0 to ${factorialMax} are allowed`
      : `factorials are computed up to ${factorialMax} only`;
  throw failure(Status.OUT_OF_RANGE, `${what} is ${n}: ${why}`, {
    reason: n < 0n ? 'FACTORIAL_OF_NEGATIVE' : 'FACTORIAL_TOO_LARGE',
    metadata: { n: String(n), factorial_max: String(factorialMax) },
    ...(what === 'n' ? { field: 'n' } : {}),
  });
}
