import { beforeAll, describe, expect, test } from 'vitest';
import { failureOf } from './rich-errors.js';
import { type Connection, sharedServer, withServer } from './server.js';

const args = ['--services', 'numbers', '--warmup-calls', '0'];

type Service = Connection['numberService'];

/** All keys of a prefix, page by page, and how many each page had. */
async function listed(service: Service, prefix: string, pageSize: number) {
  const keys: string[] = [];
  const sizes: number[] = [];
  let pageToken = '';
  do {
    const page = await service.listNumbers({ prefix, pageSize, pageToken });
    sizes.push(page.numbers.length);
    keys.push(...page.numbers.map(({ key }) => key));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return { keys, sizes };
}

async function setAll(service: Service, keys: readonly string[]): Promise<void> {
  for (let from = 0; from < keys.length; from += 10_000) {
    const some = keys.slice(from, from + 10_000);
    const operations = some.map((key, i) => ({ key, set: BigInt(from + i) }));
    await service.batchNumbers({ operations });
  }
}

const inByteOrder = (keys: readonly string[]) =>
  keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

describe('a list of numbers', () => {
  const shared = sharedServer({ args });
  const service = () => shared.connection.numberService;
  const keys = [
    ...['a', 'a\u0000', 'a\u0000b', 'aa', 'ab', 'abc', 'b'],
    ...['é', 'éa', 'ê', 'e\u0301', '\u007f', '\u0080', '\uffff', '🎲', '🎲🎲', '🎳', '\u{10ffff}'],
    'k'.repeat(1024),
  ];
  beforeAll(() => setAll(service(), keys));

  test.each([
    '',
    'a',
    'a\u0000',
    'ab',
    'abc',
    'b',
    'é',
    'e',
    '🎲',
    '\uffff',
    '\u{10ffff}',
    '\u007f',
  ])(
    'has exactly the keys that begin with %j, in the order of their bytes, in pages of any size',
    async (prefix) => {
      const expected = inByteOrder(keys.filter((key) => key.startsWith(prefix)));
      for (const pageSize of [0, 1, 2, 3, expected.length, expected.length + 1, 10_000]) {
        const { keys: found, sizes } = await listed(service(), prefix, pageSize);
        expect(found).toEqual(expected);
        const full = pageSize === 0 ? 1000 : pageSize;
        expect(sizes).toHaveLength(Math.ceil(expected.length / full));
      }
    },
  );

  test('has each number with its value', async () => {
    const { numbers } = await service().listNumbers({ prefix: 'ab' });
    expect(numbers).toEqual([
      { key: 'ab', value: BigInt(keys.indexOf('ab')) },
      { key: 'abc', value: BigInt(keys.indexOf('abc')) },
    ]);
  });

  test.each(['c', 'abcd', 'k'.repeat(1025), 'k'.repeat(70_000)])(
    'of a prefix that no key has is empty (%#)',
    async (prefix) => {
      expect(await service().listNumbers({ prefix })).toEqual({ numbers: [], nextPageToken: '' });
    },
  );

  test.each([-1, 10_001, 2 ** 31 - 1, -(2 ** 31)])('has no page of %i', async (pageSize) => {
    expect(await failureOf((call) => service().listNumbers({ pageSize }, call))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'PAGE_SIZE_INVALID',
      sentence: `the page size is ${pageSize}: 1 to 10000 are allowed, and 0 for 1000`,
      fields: ['page_size'],
    });
  });

  test('goes on after a number that has been removed, and misses none that stays', async () => {
    await setAll(service(), ['r1', 'r2', 'r3']);
    const first = await service().listNumbers({ prefix: 'r', pageSize: 1 });
    await service().deleteNumber({ key: 'r1' });
    const rest = { prefix: 'r', pageSize: 10, pageToken: first.nextPageToken };
    const { numbers } = await service().listNumbers(rest);
    expect(numbers.map(({ key }) => key)).toEqual(['r2', 'r3']);
    for (const key of ['r2', 'r3']) await service().deleteNumber({ key });
  });

  test('takes no token of another prefix, and none that is made up or changed', async () => {
    const { nextPageToken: token } = await service().listNumbers({ prefix: 'a', pageSize: 2 });
    const ofAll = await service().listNumbers({ pageSize: 2 });
    const bytes = Buffer.from(token, 'base64url');
    const changed = Array.from(bytes, (byte, i) => {
      const other = Buffer.from(bytes);
      other[i] = byte ^ 1;
      return { prefix: 'a', token: other.toString('base64url') };
    });
    const foreign = [
      ...['', 'ab', 'b', 'a\u0000'].map((prefix) => ({ prefix, token })),
      { prefix: 'a', token: ofAll.nextPageToken },
      ...[
        'a',
        '!',
        'AAAA',
        `${token}A`,
        `${token}=`,
        ` ${token}`,
        token.slice(1),
        `${token}\n`,
      ].map((made) => ({ prefix: 'a', token: made })),
      ...changed,
    ];
    for (const { prefix, token: pageToken } of foreign) {
      const refused = await failureOf((call) =>
        service().listNumbers({ prefix, pageToken, pageSize: 2 }, call),
      );
      expect(refused).toMatchObject({
        code: 'INVALID_ARGUMENT',
        reason: 'PAGE_TOKEN_INVALID',
        fields: ['page_token'],
      });
    }
    // It is good for another page size, and as often as one likes.
    for (const pageSize of [1, 0, 1]) {
      const { numbers } = await service().listNumbers({ prefix: 'a', pageToken: token, pageSize });
      expect(numbers[0]?.key).toBe('a\u0000b');
    }
  });
});

test('pages of up to 10,000 numbers have all, and long keys make them shorter', () =>
  withServer({ args }, async (_server, { numberService: service }) => {
    const short = Array.from({ length: 10_001 }, (_, i) => `s${i}`);
    await setAll(service, short);
    const { keys, sizes } = await listed(service, '', 10_000);
    expect(keys).toEqual(inByteOrder(short));
    expect(sizes).toEqual([10_000, 1]);
    expect((await listed(service, '', 0)).sizes).toEqual([...Array(10).fill(1000), 1]);
    // More than a client takes in one message by default: 4 MiB.
    const long = Array.from({ length: 5000 }, (_, i) => `l${String(i).padStart(1000, '0')}`);
    await setAll(service, long);
    const pages = await listed(service, 'l', 10_000);
    expect(pages.keys).toEqual(long);
    expect(pages.sizes).toHaveLength(2);
  }));
