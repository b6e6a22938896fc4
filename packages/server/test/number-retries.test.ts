import { createHash } from 'node:crypto';
import { open } from 'lmdb';
import { describe, expect, test } from 'vitest';
import { badKeys, dyingBeforeReply, keyed } from './keyed-calls.js';
import { failureOf } from './rich-errors.js';
import {
  type Connection,
  endWith,
  sharedServer,
  withFolder,
  withProcess,
  withServer,
} from './server.js';

const int64Max = 2n ** 63n - 1n;
const args = ['--services', 'numbers', '--warmup-calls', '0'];

type Service = Connection['numberService'];

describe('a change with an idempotency key', () => {
  const shared = sharedServer({ args });
  const service = () => shared.connection.numberService;

  test.each([
    { field: true, where: 'its message' },
    { field: false, where: 'its metadata' },
  ])('in $where has one effect and one answer', async ({ field }) => {
    const calls = callsOf(service(), field ? 'field' : 'metadata', `once-${field}`);
    await service().setNumber({ key: 'd', value: 9n });
    for (const { name, call } of calls) {
      const first = await call();
      expect(first.isReplay, name).toBe(false);
      await service().batchNumbers({
        operations: [
          { key: 'd', set: 100n },
          { key: 'e', add: 1n },
        ],
      });
      expect(await call(), name).toEqual({ ...first, isReplay: true });
      expect(await service().getNumber({ key: 'd' }), name).toEqual({ value: 100n });
    }
  });

  test('that was refused is refused again, by the same words', async () => {
    const operations = [
      { key: 'f', get: true },
      { key: 'never', delete: true },
    ];
    await service().setNumber({ key: 'f', value: 0n });
    const call = keyed('refused');
    const again = () => failureOf((o) => service().batchNumbers({ operations }, o), call);
    const first = await again();
    expect(first).toMatchObject({ reason: 'NUMBER_NOT_FOUND', metadata: { operation: '1' } });
    expect(call.isReplay()).toBe(false);
    await service().setNumber({ key: 'never', value: 1n });
    expect(await again()).toEqual(first);
    expect(call.isReplay()).toBe(true);
    expect(await service().getNumber({ key: 'never' })).toEqual({ value: 1n });
  });

  test('has a key of its own: another request is refused, and nothing is changed', async () => {
    const idempotencyKey = 'one-of-all';
    const key = 'g';
    await service().addToNumber({ key, delta: 5n, idempotencyKey });
    const others = [
      (o: object) => service().addToNumber({ key, delta: 6n, idempotencyKey }, o),
      (o: object) => service().addToNumber({ key: 'h', delta: 5n, idempotencyKey }, o),
      (o: object) => service().setNumber({ key, value: 5n, idempotencyKey }, o),
      (o: object) => service().deleteNumber({ key, idempotencyKey }, o),
      (o: object) => service().batchNumbers({ operations: [{ key, add: 5n }], idempotencyKey }, o),
      (o: object) =>
        service().batchNumbers({ operations: [{ key, get: true }], idempotencyKey }, o),
    ];
    for (const other of others) {
      expect(await failureOf(other)).toMatchObject({
        code: 'INVALID_ARGUMENT',
        reason: 'IDEMPOTENCY_KEY_OF_ANOTHER_REQUEST',
        sentence: expect.stringMatching(/has the idempotency key of another request: /),
        fields: ['idempotency_key'],
      });
    }
    expect(await service().getNumber({ key })).toEqual({ value: 5n });
  });

  test('may be given twice, if it is the same', async () => {
    const set = (inMetadata: string, call = keyed(inMetadata)) =>
      failureOf(
        (o) => service().setNumber({ key: 'i', value: 1n, idempotencyKey: 'field' }, o),
        call,
      );
    await service().setNumber({ key: 'i', value: 1n, idempotencyKey: 'field' }, keyed('field'));
    expect(await set('other')).toMatchObject({
      reason: 'IDEMPOTENCY_KEYS_DIFFER',
      fields: ['idempotency_key'],
    });
  });

  test.each(badKeys)('must not have $name', async ({ key: idempotencyKey, sentence }) => {
    const add = (o: object) => service().addToNumber({ key: 'j', delta: 1n, idempotencyKey }, o);
    expect(await failureOf(add)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'IDEMPOTENCY_KEY_INVALID',
      sentence,
      fields: ['idempotency_key'],
    });
  });

  test('of SetNum is the same for SetNumber: both ask for the same', async () => {
    const { numbers } = shared.connection;
    const { total } = await numbers.setNum({ key: 'k', value: 8n }, keyed('both'));
    await service().setNumber({ key: 'k', value: 1n });
    const again = keyed('both');
    expect(await service().setNumber({ key: 'k', value: 8n }, again)).toEqual({ total });
    expect(again.isReplay()).toBe(true);
  });
});

/** A call of each kind that changes something, with a key of its own, that tells if it was a replay. */
function callsOf(service: Service, where: 'field' | 'metadata', id: string) {
  const given = (name: string) => {
    const idempotencyKey = `${id}-${name}`;
    return where === 'field'
      ? { field: { idempotencyKey }, options: keyed('unused') }
      : { field: {}, options: keyed(idempotencyKey) };
  };
  const calls = {
    set: (field: object, o: object) => service.setNumber({ key: 'd', value: 1n, ...field }, o),
    add: (field: object, o: object) => service.addToNumber({ key: 'd', delta: 2n, ...field }, o),
    batch: (field: object, o: object) =>
      service.batchNumbers(
        {
          operations: [
            { key: 'd', set: int64Max - 1000n },
            { key: 'd', add: -7n },
            { key: 'd', get: true },
            { key: 'd', delete: true },
            { key: 'd', set: 4n },
          ],
          ...field,
        },
        o,
      ),
    delete: (field: object, o: object) => service.deleteNumber({ key: 'd', ...field }, o),
  };
  return Object.entries(calls).map(([name, send]) => {
    const { field, options } = given(name);
    const { onTrailer, metadata } = options;
    const sent = where === 'field' ? { onTrailer } : { onTrailer, metadata };
    return {
      name,
      call: async () => {
        const answer = await send(field, sent as object);
        return { answer, isReplay: options.isReplay() };
      },
    };
  });
}

test.each(['add', 'delete', 'batch'])(
  'a change (%s) whose reply was lost because the server was killed has one effect',
  (kind) =>
    withFolder(async (dataDir) => {
      const send = ({ numberService }: Connection) =>
        callsOf(numberService, 'field', 'lost')
          .find(({ name }) => name === kind)
          ?.call();
      await withServer({ dataDir, args }, async (_server, { numberService }) => {
        await numberService.setNumber({ key: 'd', value: 9n });
      });
      const dying = { dataDir, args, nodeArgs: dyingBeforeReply };
      await withProcess(dying, async (_server, connection) => {
        await expect(send(connection)).rejects.toThrow(/UNAVAILABLE/);
      });
      await withProcess({ dataDir, args }, async (server, connection) => {
        await connection.numberService.setNumber({ key: 'd', value: 50n });
        const values = [int64Max - 1000n, int64Max - 1007n, int64Max - 1007n, int64Max - 1007n, 4n];
        const answers = {
          add: { value: 11n, total: 11n },
          delete: { value: 9n, total: 0n },
          batch: { values, total: 4n },
        };
        const answer = answers[kind as keyof typeof answers];
        expect(await send(connection)).toEqual({ answer, isReplay: true });
        expect(await connection.numberService.getNumber({ key: 'd' })).toEqual({ value: 50n });
        await endWith(server, 'SIGKILL');
      });
    }),
);

test('a large batch counts as several keys, one more for each 32 numbers that it adds to', () =>
  withServer(
    { args: [...args, '--idempotency-keys-max', '10'] },
    async (_server, { numberService }) => {
      const isReplay = async (key: string, size: number) => {
        const operations = Array.from({ length: size }, (_, i) => ({ key: `${i}`, add: 1n }));
        const call = keyed(key);
        await numberService.batchNumbers({ operations }, call);
        return call.isReplay();
      };
      // Four keys each, so that two have room, and two keys more.
      for (const key of ['a', 'b', 'c']) expect(await isReplay(key, 127)).toBe(false);
      for (const key of ['b', 'c']) expect(await isReplay(key, 127)).toBe(true);
      for (const key of ['d', 'e']) expect(await isReplay(key, 31)).toBe(false);
      for (const key of ['b', 'c']) expect(await isReplay(key, 127)).toBe(true);
      expect(await isReplay('f', 1)).toBe(false);
      expect(await isReplay('c', 127)).toBe(true);
      expect(await isReplay('b', 127)).toBe(false);
    },
  ));

test('a set that was recorded when there was nothing but sets is still known', () =>
  withFolder(async (dataDir) => {
    const binary = { keyEncoding: 'binary', encoding: 'binary' } as const;
    const int64 = (value: bigint) =>
      Buffer.from(BigInt.asUintN(64, value).toString(16).padStart(16, '0'), 'hex');
    const digest = (key: string, value: bigint) =>
      createHash('sha256').update(key).update(int64(value)).digest().subarray(0, 16);
    const older = open({ path: `${dataDir}/numbers`, maxDbs: 8 });
    await older.openDB<Buffer, Buffer>('values', binary).put(Buffer.from('a'), int64(7n));
    const totals = Buffer.alloc(16);
    totals.writeBigInt64BE(7n);
    totals.writeDoubleBE(1, 8);
    await older.openDB<Buffer, Buffer>('sums', binary).put(Buffer.from('total'), totals);
    const records = older.openDB<unknown, string>('idempotency-keys', {});
    const queue = older.openDB<string, number>('idempotency-queue', {});
    await records.put('done', [0, Date.now(), [digest('a', 5n), 5n]]);
    await records.put('refused', [1, Date.now(), [digest('b', int64Max), null]]);
    await queue.put(0, 'done');
    await queue.put(1, 'refused');
    await older.openDB<unknown, string>('idempotency-ends', {}).put('ends', [0, 2]);
    await older.close();
    await withServer({ dataDir, args }, async (_server, { numbers, numberService }) => {
      const done = keyed('done');
      expect(await numbers.setNum({ key: 'a', value: 5n }, done)).toEqual({ total: 5n });
      expect(done.isReplay()).toBe(true);
      const refused = keyed('refused');
      const set = (o: object) => numberService.setNumber({ key: 'b', value: int64Max }, o);
      expect(await failureOf(set, refused)).toMatchObject({
        code: 'OUT_OF_RANGE',
        reason: 'TOTAL_PAST_INT64',
      });
      expect(refused.isReplay()).toBe(true);
      expect(await numberService.getNumberStats({})).toMatchObject({ count: 1n, total: 7n });
      expect(await numberService.getNumber({ key: 'a' })).toEqual({ value: 7n });
    });
  }));
