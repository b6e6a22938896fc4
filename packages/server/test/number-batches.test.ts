import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { failureOf } from './rich-errors.js';
import { type Connection, sharedServer } from './server.js';

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;
const args = ['--services', 'numbers', '--warmup-calls', '0'];

type Service = Connection['numberService'];
type Operation = { key: string; set?: bigint; add?: bigint; delete?: boolean; get?: boolean };

const all = async (service: Service) =>
  (await service.listNumbers({ pageSize: 10_000 })).numbers.map(
    ({ key, value }) => [key, value] as const,
  );

describe('a batch', () => {
  const shared = sharedServer({ args: [...args, '--keys-max', '20000'] });
  const service = () => shared.connection.numberService;
  const refused = (operations: readonly Operation[]) =>
    failureOf((call) => service().batchNumbers({ operations: [...operations] }, call));

  /** Removes all numbers, in an order in which the total stays within int64. */
  async function clear(): Promise<void> {
    for (let numbers = await all(service()); numbers.length > 0; numbers = await all(service())) {
      let { total } = await service().getNumberStats({});
      const rising = numbers.toSorted(([, a], [, b]) => (a < b ? -1 : 1));
      const operations: Operation[] = [];
      while (rising.length > 0) {
        const next = total < 0n ? rising.shift() : rising.pop();
        total -= next?.[1] ?? 0n;
        operations.push({ key: next?.[0] ?? '', delete: true });
      }
      await service().batchNumbers({ operations });
    }
  }

  test('does its operations in their order, each seeing those before it', async () => {
    await clear();
    const operations: Operation[] = [
      { key: 'a', set: 5n },
      { key: 'a', add: 2n },
      { key: 'a', get: true },
      { key: 'a', delete: true },
      { key: 'a', add: 1n },
      { key: 'b', set: -3n },
    ];
    expect(await service().batchNumbers({ operations })).toEqual({
      values: [5n, 7n, 7n, 7n, 1n, -3n],
      total: -2n,
    });
    expect(await all(service())).toEqual([
      ['a', 1n],
      ['b', -3n],
    ]);
  });

  const faults: readonly {
    what: string;
    operation: Operation;
    code: string;
    reason: string;
    sentence: string;
    field?: string;
  }[] = [
    {
      what: 'removes what is not there',
      operation: { key: 'none', delete: true },
      code: 'NOT_FOUND',
      reason: 'NUMBER_NOT_FOUND',
      sentence: 'operation 2: no number is called "none": set it first',
    },
    {
      what: 'reads what is not there',
      operation: { key: 'none', get: true },
      code: 'NOT_FOUND',
      reason: 'NUMBER_NOT_FOUND',
      sentence: 'operation 2: no number is called "none": set it first',
    },
    {
      what: 'takes a number past int64',
      operation: { key: 'a', add: int64Max },
      code: 'OUT_OF_RANGE',
      reason: 'NUMBER_PAST_INT64',
      sentence:
        `operation 2: adding ${int64Max} to "a" would take the number past int64; ` +
        'nothing was changed',
    },
    {
      what: 'takes the total past int64, though one after it would bring it back',
      operation: { key: 'c', set: int64Max },
      code: 'OUT_OF_RANGE',
      reason: 'TOTAL_PAST_INT64',
      sentence:
        `operation 2: setting "c" to ${int64Max} would take the total past int64; ` +
        'nothing was changed',
    },
    {
      what: 'has no key',
      operation: { key: '', set: 1n },
      code: 'INVALID_ARGUMENT',
      reason: 'KEY_EMPTY',
      sentence: 'operation 2: the key is empty: 1 to 1024 bytes of UTF-8 are allowed',
      field: 'operations[2].key',
    },
    {
      what: 'says nothing',
      operation: { key: 'a' },
      code: 'INVALID_ARGUMENT',
      reason: 'OPERATION_MISSING',
      sentence:
        'operation 2: it says nothing to do: exactly one of set, add, delete and get is allowed',
      field: 'operations[2]',
    },
    {
      what: 'says two things',
      operation: { key: 'a', set: 1n, get: true },
      code: 'INVALID_ARGUMENT',
      reason: 'OPERATION_AMBIGUOUS',
      sentence:
        'operation 2: it says more than one thing to do: exactly one of set, add, delete and get ' +
        'is allowed',
      field: 'operations[2]',
    },
    ...(['delete', 'get'] as const).map((name) => ({
      what: `has ${name}: false`,
      operation: { key: 'a', [name]: false },
      code: 'INVALID_ARGUMENT',
      reason: 'OPERATION_NOT_TRUE',
      sentence: `operation 2: ${name} is false: it must be true, or another operation be given`,
      field: `operations[2].${name}`,
    })),
  ];

  test.each(faults)('one of which $what changes nothing, and says which', async (fault) => {
    await clear();
    await service().setNumber({ key: 'a', value: 3n });
    const failed = await refused([
      { key: 'a', add: 1n },
      { key: 'b', set: 1n },
      fault.operation,
      { key: 'a', set: -10n },
    ]);
    expect(failed).toMatchObject({
      code: fault.code,
      reason: fault.reason,
      sentence: fault.sentence,
      fields: fault.field === undefined ? [] : [fault.field],
    });
    expect(failed.metadata.operation ?? fault.field?.replace(/\D/g, '')).toBe('2');
    expect(await all(service())).toEqual([['a', 3n]]);
    expect((await service().getNumberStats({})).total).toBe(3n);
  });

  test('has 1 to 10,000 operations, and its numbers count against --keys-max', async () => {
    await clear();
    for (const [length, reason] of [
      [0, 'BATCH_EMPTY'],
      [10_001, 'BATCH_TOO_LARGE'],
    ] as const) {
      const operations = Array.from({ length }, () => ({ key: 'a', add: 1n }));
      expect(await refused(operations)).toMatchObject({
        code: 'INVALID_ARGUMENT',
        reason,
        sentence: `the batch has ${length} operations: 1 to 10000 are allowed`,
        fields: ['operations'],
      });
    }
    const made = (prefix: string) =>
      Array.from({ length: 10_000 }, (_, i) => ({ key: `${prefix}${i}`, set: 1n }));
    expect((await service().batchNumbers({ operations: made('x') })).total).toBe(10_000n);
    expect((await service().batchNumbers({ operations: made('y') })).total).toBe(20_000n);
    const full = [
      { key: 'x1', set: 2n },
      { key: 'z', set: 1n },
    ];
    expect(await refused(full)).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'TOO_MANY_NUMBERS',
      metadata: { operation: '1', keys_max: '20000' },
    });
    const swap = [
      { key: 'x1', delete: true },
      { key: 'z', set: 1n },
    ];
    expect((await service().batchNumbers({ operations: swap })).total).toBe(20_000n);
  });

  test('is seen by nobody in part', async () => {
    await clear();
    const keys = Array.from({ length: 200 }, (_, i) => `t${String(i).padStart(3, '0')}`);
    let writing = true;
    const writer = (async () => {
      for (let value = 1n; value <= 30n; value++) {
        await service().batchNumbers({ operations: keys.map((key) => ({ key, set: value })) });
      }
      writing = false;
    })();
    while (writing) {
      const numbers = await all(service());
      expect([0, 200]).toContain(numbers.length);
      expect(new Set(numbers.map(([, value]) => value)).size).toBeLessThanOrEqual(1);
    }
    await writer;
  });

  test('does what a Map does, whatever it is of', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'é', '🎲');
    const value = fc.oneof(
      fc.bigInt({ min: -5n, max: 5n }),
      fc.bigInt({ min: int64Min, max: int64Max }),
      fc.constantFrom(int64Min, int64Max, int64Max - 1n),
    );
    const operation: fc.Arbitrary<Operation> = fc.oneof(
      fc.record({ key, set: value }),
      fc.record({ key, add: value }),
      fc.record({ key, delete: fc.constant(true) }),
      fc.record({ key, get: fc.constant(true) }),
    );
    const batches = fc.array(fc.array(operation, { minLength: 1, maxLength: 6 }), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(batches, async (sequence) => {
        await clear();
        let model: ReadonlyMap<string, bigint> = new Map();
        for (const operations of sequence) {
          const expected = modelled(model, operations);
          if (typeof expected === 'number') {
            expect((await refused(operations)).metadata.operation).toBe(String(expected));
          } else {
            const answer = await service().batchNumbers({ operations });
            expect(answer).toEqual({ values: expected.values, total: sum(expected.map) });
            model = expected.map;
          }
        }
        const stats = await service().getNumberStats({});
        expect(stats).toMatchObject({ count: BigInt(model.size), total: sum(model) });
        expect(new Map(await all(service()))).toEqual(model);
      }),
      { numRuns: 60 },
    );
  });
});

const sum = (map: ReadonlyMap<string, bigint>) => [...map.values()].reduce((a, b) => a + b, 0n);
const fits = (value: bigint) => value >= int64Min && value <= int64Max;

/** What operations lead to, or the number of the one that cannot be done. */
function modelled(before: ReadonlyMap<string, bigint>, operations: readonly Operation[]) {
  const map = new Map(before);
  const values: bigint[] = [];
  for (const [i, { key, set, add, delete: remove, get }] of operations.entries()) {
    const old = map.get(key);
    if ((remove || get) && old === undefined) return i;
    if (set !== undefined) map.set(key, set);
    if (add !== undefined) map.set(key, (old ?? 0n) + add);
    values.push((remove ? old : map.get(key)) as bigint);
    if (remove) map.delete(key);
    if (![...map.values(), sum(map)].every(fits)) return i;
  }
  return { map, values };
}
