import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ColumnChunkKind } from '../dist/index.js';
import { kernels, sumPages } from './column-file.js';
import {
  bitPacked,
  DELTA_BINARY_PACKED,
  type DeltaLayout,
  deltas,
  type Field,
  hybrid,
  levelsV1,
  type Page,
  PLAIN,
  page,
  plain,
  RLE_DICTIONARY,
  type Run,
  struct,
  varint,
  zigzag,
} from './page-bytes.js';

const int64: ColumnChunkKind = { type: 'INT64', codec: 'UNCOMPRESSED', optional: false };
const int32: ColumnChunkKind = { ...int64, type: 'INT32' };
const optional: ColumnChunkKind = { ...int64, optional: true };
const snappy: ColumnChunkKind = { ...int64, codec: 'SNAPPY' };

const corrupt = 'its pages are corrupt';
const unsupported = 'it has a page, an encoding or a codec that the kernel does not read';

const sumOf = (values: readonly bigint[]) => values.reduce((sum, value) => sum + value, 0n);

function sum(pages: readonly (readonly number[])[], kind = int64) {
  const bytes = Uint8Array.from(pages.flat());
  const { used, ...result } = sumPages(bytes, kind);
  expect(used).toBe(bytes.length);
  return result;
}

const data = (body: readonly number[], count: number, encoding: number, more: Partial<Page> = {}) =>
  page({ type: 'data', count, encoding, body, ...more });
const dictionary = (values: readonly bigint[], more: Partial<Page> = {}) =>
  page({
    type: 'dictionary',
    count: values.length,
    encoding: PLAIN,
    body: plain(values, 64),
    ...more,
  });
const indices = (width: number, runs: readonly Run[], surplus?: bigint) => [
  width,
  ...hybrid(runs, width, surplus),
];
const three = plain([1n, 2n, 3n], 64);

const signed = (bits: number) =>
  fc
    .integer({ min: 1, max: bits })
    .chain((width) =>
      fc.bigInt({ min: -(1n << BigInt(width - 1)), max: (1n << BigInt(width - 1)) - 1n }),
    );

describe('deltas', () => {
  test('blocks and miniblocks of any size', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(32 as const, 64 as const),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 40 }),
        fc.infiniteStream(signed(64)),
        fc.integer({ min: 1, max: 700 }),
        (bits, miniblocks, eights, stream, count) => {
          const values = [...stream.take(count)].map((value) => BigInt.asIntN(bits, value));
          const body = deltas(values, { bits, miniblocks, blockValues: miniblocks * eights * 8 });
          const kind = bits === 32 ? int32 : int64;
          expect(sum([data(body, count, DELTA_BINARY_PACKED)], kind)).toEqual({
            total: sumOf(values),
            rows: count,
            nonNull: count,
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  const widths = Array.from({ length: 65 }, (_, width) => width);
  test.each(widths)('a width of %i bits, and a block more or less', (width) => {
    const top = width === 0 ? 0n : 1n << BigInt(width - 1);
    for (const count of [1, 2, 31, 32, 33, 128, 129, 130, 256, 257, 258]) {
      const values: bigint[] = [BigInt.asIntN(64, -top)];
      for (let i = 1; i < count; i++) {
        const step = width === 0 ? 5n : i % 3 === 0 ? top : BigInt(i) % top || 0n;
        values.push(BigInt.asIntN(64, (values[i - 1] ?? 0n) + step));
      }
      const layout: DeltaLayout = { bits: 64, blockValues: 128, miniblocks: 4 };
      const body = deltas(values, layout);
      expect(sum([data(body, count, DELTA_BINARY_PACKED)]).total).toBe(sumOf(values));
      if (width > 0) {
        const fixed = deltas(values, { ...layout, width: 64 });
        expect(sum([data(fixed, count, DELTA_BINARY_PACKED)]).total).toBe(sumOf(values));
      }
    }
  });

  // A step of constant size is summed in closed form unless the values wrap around.
  test.each([
    { bits: 32 as const, first: 0n, step: -(1n << 31n) },
    { bits: 32 as const, first: (1n << 31n) - 100n, step: 3n },
    { bits: 32 as const, first: -(1n << 31n) + 5n, step: -1n },
    { bits: 32 as const, first: 7n, step: 1n << 20n },
    { bits: 64 as const, first: (1n << 63n) - 100n, step: 3n },
    { bits: 64 as const, first: -(1n << 63n) + 4000n, step: -1n },
    { bits: 64 as const, first: -(1n << 63n), step: 1n << 62n },
    { bits: 64 as const, first: -(1n << 60n), step: (1n << 46n) - 1n },
    { bits: 64 as const, first: 0n, step: -(1n << 63n) },
  ])('steps of $step from $first, INT$bits', ({ bits, first, step }) => {
    const values = Array.from({ length: 5000 }, (_, i) =>
      BigInt.asIntN(bits, first + step * BigInt(i)),
    );
    const kind = bits === 32 ? int32 : int64;
    for (const blockValues of [8, 128, 8192]) {
      const body = deltas(values, { bits, blockValues, miniblocks: 1 });
      expect(sum([data(body, values.length, DELTA_BINARY_PACKED)], kind).total).toBe(sumOf(values));
    }
  });

  test('bytes behind the last miniblock change nothing', () => {
    const body = deltas([1n, 5n, 6n], { bits: 64, blockValues: 128, miniblocks: 4 });
    expect(sum([data([...body, 255, 255, 255], 3, DELTA_BINARY_PACKED)]).total).toBe(12n);
  });

  const header = (block: number | bigint, minis: number | bigint, count: number | bigint) => [
    ...varint(block),
    ...varint(minis),
    ...varint(count),
    ...zigzag(1),
  ];
  test.each([
    ['fewer values than the page says', header(128, 4, 2), corrupt],
    ['more values than the page says', header(128, 4, 4), corrupt],
    ['2^32 values more than the page says', header(128, 4, 2n ** 32n + 3n), corrupt],
    ['no miniblocks', header(128, 0, 3), corrupt],
    ['blocks of no values', header(0, 4, 3), corrupt],
    ['miniblocks of 4 values', header(16, 4, 3), corrupt],
    ['a block that its miniblocks do not divide', header(128, 3, 3), corrupt],
    ['2^63 miniblocks', header(128, 2n ** 63n, 3), corrupt],
    ['blocks of 2^63 values', header(2n ** 63n, 1, 3), unsupported],
    ['no header', [], corrupt],
    ['a header only', header(128, 4, 3), corrupt],
    ['widths that are cut off', [...header(128, 4, 3), 0, 1, 1, 1], corrupt],
    ['a width of 65 bits', [...header(128, 4, 3), 0, 65, 0, 0, 0, ...Array(260).fill(0)], corrupt],
    ['a miniblock that is cut off', [...header(128, 4, 3), 0, 2, 0, 0, 0, 1, 2, 3], corrupt],
  ])('are refused with %s', (_, body, message) => {
    expect(() => sum([data(body, 3, DELTA_BINARY_PACKED)])).toThrow(message);
  });

  test.each([
    ['eleven bytes', [...Array(10).fill(128), 0]],
    ['65 bits', [...Array(9).fill(128), 2]],
  ])('a first value of %s is refused', (_, first) => {
    const body = [...varint(128), 4, 1, ...first];
    expect(() => sum([data(body, 1, DELTA_BINARY_PACKED)])).toThrow(corrupt);
  });

  test('a first value that is no INT32 is refused', () => {
    const body = [...varint(128), 4, 1, ...zigzag(2n ** 31n)];
    expect(() => sum([data(body, 1, DELTA_BINARY_PACKED)], int32)).toThrow(corrupt);
    expect(sum([data(body, 1, DELTA_BINARY_PACKED)]).total).toBe(2n ** 31n);
  });

  // Two bytes can make a block of thousands of values; the whole page, 2^31 of them.
  test('a page of 2^31 - 1 values in closed form takes no time', () => {
    const count = 2 ** 31 - 1;
    const blocks = Array.from({ length: Math.ceil((count - 1) / 8192) }, () => [2, 0]).flat();
    const body = [...varint(8192), 1, ...varint(count), ...zigzag(1n), ...blocks];
    for (const kind of [int32, int64]) {
      const begun = performance.now();
      expect(sum([data(body, count, DELTA_BINARY_PACKED)], kind).total).toBe(
        (BigInt(count) * BigInt(count + 1)) / 2n,
      );
      expect(performance.now() - begun).toBeLessThan(1000);
    }
  });
});

describe('indices of a dictionary', () => {
  test('runs and packed groups of any width', () => {
    const entries = fc.array(signed(64), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(
        entries,
        fc.integer({ min: 0, max: 24 }),
        fc.array(
          fc.oneof(
            fc.record({ repeat: fc.nat(1000), times: fc.nat(300) }),
            fc.record({ packed: fc.array(fc.nat(1000), { maxLength: 70 }) }),
          ),
          { maxLength: 12 },
        ),
        (values, extra, parts) => {
          const width = Math.min(32, Math.ceil(Math.log2(values.length)) + extra);
          const index = (n: number) => BigInt(n % values.length);
          const runs = parts.map((part): Run => {
            if ('repeat' in part) return { repeat: index(part.repeat), times: part.times };
            // Only the last group may hold more than there are: fill the others.
            const filled = part.packed.slice(0, part.packed.length & ~7);
            return { packed: filled.map(index) };
          });
          const all = runs.flatMap((run) =>
            'repeat' in run ? Array<bigint>(Number(run.times)).fill(run.repeat) : run.packed,
          );
          const expected = sumOf(all.map((i) => values[Number(i)] ?? 0n));
          const pages = [
            dictionary(values),
            data(indices(width, runs), all.length, RLE_DICTIONARY),
          ];
          expect(sum(pages)).toEqual({ total: expected, rows: all.length, nonNull: all.length });
        },
      ),
      { numRuns: 150 },
    );
  });

  test.each(Array.from({ length: 33 }, (_, width) => width))('of %i bits', (width) => {
    const values = width === 0 ? [-9n] : [2n ** 63n - 1n, -(2n ** 63n), 5n].slice(0, 1 + width);
    const at = Array.from({ length: 97 }, (_, i) => BigInt(i % values.length));
    const expected = sumOf(at.map((i) => values[Number(i)] ?? 0n));
    const pages = [
      dictionary(values),
      data(indices(width, [{ packed: at }]), 97, RLE_DICTIONARY),
      data(indices(width, [{ repeat: 0n, times: 97 }]), 97, RLE_DICTIONARY),
    ];
    expect(sum(pages).total).toBe(expected + 97n * (values[0] ?? 0n));
  });

  const entries = [10n, 20n, 30n];
  test.each([
    ['a run longer than the page', indices(2, [{ repeat: 2n, times: 1000 }]), 90n],
    ['a run of 2^63 - 1', indices(2, [{ repeat: 1n, times: 2n ** 63n - 1n }]), 60n],
    [
      'empty runs',
      indices(2, [...Array(50).fill({ repeat: 2n, times: 0 }), { packed: [0n, 1n, 2n] }]),
      60n,
    ],
    [
      'empty groups',
      indices(2, [...Array(50).fill({ packed: [] }), { repeat: 0n, times: 3 }]),
      30n,
    ],
    ['a surplus of indices that do not exist', indices(2, [{ packed: [0n, 1n, 2n] }], 3n), 60n],
    ['no bits, in groups', indices(0, [{ packed: [0n, 0n, 0n] }]), 30n],
    ['bytes behind', [...indices(2, [{ repeat: 2n, times: 3 }]), 255, 255], 90n],
  ])('with %s', (_, body, total) => {
    expect(sum([dictionary(entries), data(body, 3, RLE_DICTIONARY)]).total).toBe(total);
  });

  test.each([
    ['an index past the dictionary', indices(2, [{ packed: [0n, 1n, 3n] }])],
    ['a run of an index past the dictionary', indices(2, [{ repeat: 3n, times: 3 }])],
    ['the largest index', indices(32, [{ repeat: 2n ** 32n - 1n, times: 3 }])],
    ['the largest index, packed', indices(32, [{ packed: [2n ** 32n - 1n, 0n, 0n] }])],
    ['a width of 33 bits', indices(33, [{ packed: [0n, 0n, 0n] }])],
    ['a width of 255 bits', [255, 3, 0, 0, 0, 0]],
    ['no width', []],
    ['a width only', [2]],
    ['groups that are cut off', [2, 3, 0]],
    ['2^31 groups of no bits', [0, ...varint(2n ** 32n + 1n)]],
    ['a run that is cut off', [9, 6, 0]],
    ['too few values', indices(2, [{ repeat: 0n, times: 2 }])],
    ['a run header of 65 bits', [2, ...Array(9).fill(128), 2, 0]],
    ['only empty runs', indices(2, Array(100).fill({ repeat: 0n, times: 0 }))],
  ])('are refused with %s', (_, body) => {
    expect(() => sum([dictionary(entries), data(body, 3, RLE_DICTIONARY)])).toThrow(corrupt);
  });

  const some = indices(2, [{ repeat: 0n, times: 3 }]);
  test.each([
    ['without a dictionary', [data(some, 3, RLE_DICTIONARY)]],
    ['with an empty dictionary', [dictionary([]), data(some, 3, RLE_DICTIONARY)]],
    [
      'with an empty dictionary and no bits',
      [dictionary([]), data(indices(0, [{ packed: [0n, 0n, 0n] }]), 3, RLE_DICTIONARY)],
    ],
    ['with two dictionaries', [dictionary(entries), dictionary(entries)]],
    ['with more entries than bytes', [dictionary(entries, { count: 4 })]],
    ['with fewer than no entries', [dictionary(entries, { count: -1 })]],
    ['with 2^29 entries of eight bytes', [dictionary(entries, { count: 2 ** 18 })]],
  ])('are refused %s', (_, pages) => {
    expect(() => sum(pages)).toThrow(corrupt);
  });

  test('a dictionary that does not fit is left to another reader', () => {
    expect(() => sum([dictionary(entries, { count: 2 ** 18 + 1 })])).toThrow(unsupported);
  });
});

describe('definition levels', () => {
  const v1 = (levels: readonly number[], body = three, count = 5) =>
    data([...levelsV1(levels), ...body], count, PLAIN);
  const v2 = (levels: readonly number[], more: Partial<Page> = {}) =>
    page({
      type: 'data 2',
      count: 5,
      encoding: PLAIN,
      body: [...levels, ...three],
      definitionBytes: levels.length,
      nulls: 2,
      ...more,
    });

  test('in any mixture of runs and groups', () => {
    const part = fc.oneof(
      fc.record({ repeat: fc.bigInt(0n, 1n), times: fc.nat(300) }),
      fc.record({
        packed: fc
          .array(fc.bigInt(0n, 1n), { maxLength: 200 })
          .map((all) => all.slice(0, all.length & ~7)),
      }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 10 }), fc.boolean(), (runs, isVersion2) => {
        const all = runs.flatMap((run) =>
          'repeat' in run ? Array<bigint>(run.times).fill(run.repeat) : run.packed,
        );
        const nonNull = Number(sumOf(all));
        const values = Array.from({ length: nonNull }, (_, i) => BigInt(i) - 7n);
        const levels = hybrid(runs, 1);
        const body = isVersion2 ? levels : levelsV1(levels);
        const made = page({
          type: isVersion2 ? 'data 2' : 'data',
          count: all.length,
          encoding: PLAIN,
          body: [...body, ...plain(values, 64)],
          definitionBytes: levels.length,
          nulls: all.length - nonNull,
        });
        expect(sum([made], optional)).toEqual({ total: sumOf(values), rows: all.length, nonNull });
      }),
      { numRuns: 150 },
    );
  });

  const someNull = hybrid([{ packed: [1n, 0n, 1n, 0n, 1n] }], 1, 1n);
  test('with a surplus of ones in the last group', () => {
    expect(sum([v1(someNull), v2(someNull)], optional)).toEqual({
      total: 12n,
      rows: 10,
      nonNull: 6,
    });
  });

  test('with runs longer than the page', () => {
    const levels = hybrid(
      [
        { repeat: 0n, times: 2 },
        { repeat: 1n, times: 2n ** 62n },
      ],
      1,
    );
    expect(sum([v1(levels), v2(levels)], optional)).toEqual({ total: 12n, rows: 10, nonNull: 6 });
  });

  test.each([
    ['a level of 2', v1(hybrid([{ repeat: 2n, times: 5 }], 1))],
    ['too few levels', v1(hybrid([{ repeat: 1n, times: 3 }], 1))],
    ['no levels', v1([])],
    ['2^62 groups', v1([...varint(2n ** 63n + 1n), 255])],
    ['2^61 groups, whose number of values is 0 in 64 bits', v1([...varint(2n ** 62n + 1n), 255])],
    ['a run that is cut off', v1([10])],
    ['more values than there are', v1(hybrid([{ repeat: 1n, times: 5 }], 1))],
    ['a page too short for a length', data([1, 0, 0], 5, PLAIN)],
    ['a length past the page', data([255, 255, 255, 255, 10, 1], 5, PLAIN)],
    ['a length past the page by one', data([3, 0, 0, 0, 10, 1], 5, PLAIN)],
    ['more nulls than the header says', v2(someNull, { nulls: 1 })],
    ['fewer nulls than the header says', v2(someNull, { nulls: 3 })],
    ['a negative length', v2(someNull, { definitionBytes: -1 })],
    ['levels longer than the page', v2(someNull, { definitionBytes: 27 })],
    ['negative repetition levels', v2(someNull, { repetitionBytes: -1 })],
    ['a negative number of values', v2(someNull, { count: -1 })],
  ])('are refused with %s', (_, made) => {
    expect(() => sum([made], optional)).toThrow(corrupt);
  });

  test('repetition levels are left to another reader', () => {
    expect(() => sum([v2(someNull, { repetitionBytes: 2 })], optional)).toThrow(unsupported);
  });

  test('are refused where the column is required', () => {
    expect(() => sum([v2(someNull)])).toThrow(corrupt);
  });
});

describe('snappy', () => {
  /** A page whose body decompresses to the three values. */
  const literal = [24, 23 << 2, ...three];
  const version2 = (body: readonly number[], more: Partial<Page> = {}) =>
    page({ type: 'data 2', count: 3, encoding: PLAIN, body, uncompressedSize: 24, ...more });

  test.each([
    ['a literal', literal],
    ['a literal whose length takes four bytes', [24, 63 << 2, 23, 0, 0, 0, ...three]],
    ['a size that takes two bytes', [152, 0, 23 << 2, ...three]],
  ])('%s', (_, body) => {
    const more = { uncompressedSize: 24 };
    expect(sum([data(body, 3, PLAIN, more), version2(body)], snappy).total).toBe(12n);
  });

  test('copies that overlap repeat what they wrote', () => {
    const made = data([24, 7 << 2, ...plain([5n], 64), (15 << 2) | 2, 8, 0], 3, PLAIN, {
      uncompressedSize: 24,
    });
    expect(sum([made], snappy).total).toBe(15n);
  });

  test('a version 2 page that is not compressed', () => {
    expect(sum([version2(three, { isCompressed: false })], snappy).total).toBe(6n);
  });

  test('nothing, compressed to nothing', () => {
    const empty = { type: 'dictionary', count: 0, encoding: PLAIN, body: [] } as const;
    const noValues = version2([], { count: 0, uncompressedSize: 0 });
    expect(sum([page(empty), noValues], snappy)).toEqual({ total: 0n, rows: 0, nonNull: 0 });
  });

  test.each([
    ['nothing', []],
    ['a size that never ends', [128, 128, 128, 128, 128, 128, 0]],
    ['another size than the header', [25, 24 << 2, ...three, 0]],
    ['2^32 bytes more than the header', [152, 128, 128, 128, 16, 23 << 2, ...three]],
    ['less than its size', [24, 22 << 2, ...three.slice(1)]],
    ['more than its size', [24, 24 << 2, ...three, 0]],
    ['a literal that is cut off', [24, 23 << 2, ...three.slice(1)]],
    ['a literal of 2^32 bytes', [24, 63 << 2, 255, 255, 255, 255, ...three]],
    ['a literal without its length', [24, 63 << 2, 23, 0]],
    ['a copy from nowhere', [24, 7 << 2, ...three.slice(0, 8), (15 << 2) | 2, 0, 0]],
    ['a copy from before the page', [24, 7 << 2, ...three.slice(0, 8), (15 << 2) | 2, 9, 0]],
    [
      'a copy from far before',
      [24, 7 << 2, ...three.slice(0, 8), (15 << 2) | 3, 255, 255, 255, 255],
    ],
    ['a copy past the end', [24, 7 << 2, ...three.slice(0, 8), (16 << 2) | 2, 8, 0]],
    ['a copy that is cut off', [24, 7 << 2, ...three.slice(0, 8), (15 << 2) | 2, 8]],
    ['a short copy that is cut off', [24, 7 << 2, ...three.slice(0, 8), 1]],
  ])('is refused with %s', (_, body) => {
    expect(() => sum([data(body, 3, PLAIN, { uncompressedSize: 24 })], snappy)).toThrow(corrupt);
    expect(() => sum([version2(body)], snappy)).toThrow(corrupt);
  });

  test('a page larger than the kernel decompresses is left to another reader', () => {
    for (const made of [
      data(literal, 3, PLAIN, { uncompressedSize: 3 << 20 }),
      version2(literal, { uncompressedSize: 2 ** 31 - 1 }),
      dictionary([1n], { uncompressedSize: 3 << 20 }),
    ]) {
      expect(() => sum([made], snappy)).toThrow(unsupported);
    }
  });
});

describe('page headers', () => {
  const fields: readonly Field[] = [
    [1, 0],
    [2, 24],
    [3, 24],
    [
      5,
      [
        [1, 3],
        [2, 0],
        [3, 3],
        [4, 3],
      ],
    ],
  ];
  /** The header of the three values, with one field in place of another. */
  const header = (id: number, value: Field[1]) =>
    struct(fields.map(([was, old]) => [was, was === id ? value : old]));

  /** The same, of numbers that need not be what a header can hold. */
  const raw = (type: bigint, size: bigint, sizeField = 0x15) => [
    ...[0x15, ...varint(type), sizeField, ...varint(size), 0x15, ...zigzag(24)],
    ...[0x2c, ...struct([...[1, 2, 3, 4].map((id) => [id, id === 2 ? 0 : 3] as const)]), 0],
  ];

  test('the one that is damaged below is right', () => {
    expect(raw(0n, 48n)).toEqual(header(0, 0));
    expect(sum([[...header(0, 0), ...three]]).total).toBe(6n);
  });

  test.each([
    ['no type', header(1, undefined)],
    ['no size', header(2, undefined)],
    ['no compressed size', header(3, undefined)],
    ['nothing about its values', header(5, undefined)],
    ['a negative size', header(2, -1)],
    ['a negative compressed size', header(3, -24)],
    ['another size than compressed size', header(2, 23)],
    // No checksum covers a header: neither of these may drop the values of the page.
    ['the type of a dictionary', header(1, 2)],
    ['the type of a version 2 page', header(1, 3)],
    [
      'no number of values',
      header(5, [
        [1, -1],
        [2, 0],
        [3, 3],
        [4, 3],
      ]),
    ],
    [
      'two descriptions',
      struct([
        ...fields,
        [
          7,
          [
            [1, 3],
            [2, 0],
          ],
        ],
      ]),
    ],
    ['a type of 2^32 too much', raw(2n ** 33n, 48n)],
    ['a size of 2^32 too much', raw(0n, 2n ** 33n + 48n)],
    ['a type of eleven bytes', [0x15, ...Array(10).fill(128), ...raw(0n, 48n).slice(1)]],
    ['a size that is an int64', raw(0n, 48n, 0x16)],
    ['a type that is a list', [0x19, 0x15, 0, ...header(1, undefined)]],
    ['a description that is a number', header(5, 3)],
    ['a number of 65 bits', [0x15, 0, 0x15, ...Array(9).fill(128), 2, 0]],
    ['a number that never ends', [0x15, ...Array(100).fill(128)]],
    ['a set, which Parquet has none of', [0x9a, 0x05, ...header(0, 0)]],
    ['an unknown kind of field', [0x9d, ...header(0, 0)]],
    ['lists in lists in lists', [0x99, ...Array(100).fill(0x19)]],
  ])('are refused with %s', (_, made) => {
    expect(() => sum([[...made, ...three]])).toThrow(corrupt);
  });

  // All but the last of these must be there, and count something.
  const version2: readonly Field[] = [1, 2, 3, 4, 5, 6, 7].map((id) => {
    return [id, id === 7 ? false : id === 1 || id === 3 ? 3 : 0];
  });
  const version2Header = (id: number, value: Field[1]) =>
    struct([
      [1, 3],
      [2, 24],
      [3, 24],
      [8, version2.map(([was, old]) => [was, was === id ? value : old])],
    ]);

  test.each([
    ['values', 1],
    ['nulls', 2],
    ['bytes of definition levels', 5],
    ['bytes of repetition levels', 6],
  ])('of version 2 are refused without a number of %s, or with a negative one', (_, id) => {
    expect(sum([[...version2Header(7, undefined), ...three]]).total).toBe(6n);
    for (const value of [undefined, -1]) {
      expect(() => sum([[...version2Header(id, value), ...three]])).toThrow(corrupt);
    }
  });

  test.each([1, 4, -5, 2 ** 31 - 1])('a page of type %i is not read', (type) => {
    expect(() => sum([[...header(1, type), ...three]])).toThrow();
  });

  test('fields of the future are skipped', () => {
    const future = [
      0x98,
      3,
      1,
      2,
      3,
      0x17,
      ...Array(8).fill(1),
      0x19,
      0x25,
      1,
      2,
      0x11,
      0x12,
      0x13,
      9,
    ];
    const known = struct(fields).slice(0, -1);
    expect(sum([[...known, ...future, 0, ...three]]).total).toBe(6n);
  });

  test('a page that is cut off is waited for, wherever it is cut', () => {
    const bytes = Uint8Array.from([...data(three, 3, PLAIN), ...data(three, 3, PLAIN)]);
    for (let length = 0; length < bytes.length; length++) {
      const { used, rows } = sumPages(bytes.subarray(0, length), int64);
      expect(used).toBe(length < bytes.length / 2 ? 0 : bytes.length / 2);
      expect(rows).toBe(used === 0 ? 0 : 3);
    }
  });

  // The sum of such a size and of the header's length leaves 32 bits.
  test.each([2 ** 31 - 1, 2 ** 31 - 8, 3 << 20])(
    'a page of %i bytes is left to another reader at once',
    (size) => {
      expect(() => sum([header(3, size)])).toThrow(unsupported);
    },
  );

  test('a header that goes on and on is refused, not waited for', () => {
    const bytes = Uint8Array.from([0x98, ...varint(2 ** 30), ...Array(70_000).fill(0)]);
    expect(() => sumPages(bytes, int64)).toThrow(corrupt);
    expect(sumPages(bytes.subarray(0, 60_000), int64).used).toBe(0);
  });

  test('more bytes than the input holds are refused', () => {
    expect(kernels.exports.addPages(kernels.input.length + 1)).toBeLessThan(0);
    expect(kernels.exports.addPages(-1)).toBeLessThan(0);
  });
});

test('a page whose checksum does not hold is refused, and every byte of it counts', () => {
  for (const type of ['data', 'data 2'] as const) {
    const made = Uint8Array.from(page({ type, count: 3, encoding: PLAIN, body: three }));
    for (let at = made.length - three.length; at < made.length; at++) {
      const damaged = Uint8Array.from(made);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(() => sumPages(damaged, int64)).toThrow('checksum');
    }
    const wrong = page({ type, count: 3, encoding: PLAIN, body: three, checksum: 0 });
    expect(() => sum([wrong])).toThrow('checksum');
  }
  const wrong = page({ type: 'dictionary', count: 3, encoding: PLAIN, body: three, checksum: 1 });
  expect(() => sum([wrong])).toThrow('checksum');
});

test('plain values that are cut off are refused', () => {
  expect(() => sum([data(three, 4, PLAIN)])).toThrow(corrupt);
  expect(() => sum([data(three, 7, PLAIN)], int32)).toThrow(corrupt);
  expect(() => sum([data(three, 2 ** 29 + 3, PLAIN)])).toThrow(corrupt);
  expect(() => sum([data(three, 2 ** 31 - 1, PLAIN)])).toThrow(corrupt);
  expect(() => sum([data(bitPacked([1n], 1), 1, 4)])).toThrow(unsupported);
});
