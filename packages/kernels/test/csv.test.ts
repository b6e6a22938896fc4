import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvSummer } from '../dist/index.js';
import { feed, kernels } from './column-file.js';

/** The sum of a column of a CSV text, handed over in pieces; undefined if the kernel refuses it. */
function sumCsv(text: string, column: number, columns: number, pieceBytes?: number) {
  const summer = csvSummer(kernels, column, columns);
  try {
    feed(
      Buffer.from(text),
      (length, isLast) => {
        const used = summer.add(length, isLast);
        if (used === undefined) throw new Refused();
        return used;
      },
      pieceBytes,
    );
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
  return summer.total();
}

class Refused extends Error {}

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const integer = fc.oneof(int64, fc.bigInt({ min: -1000n, max: 1000n }));

/** An integer as CSV files have it: signed, with zeros and spaces around it, quoted. */
const writtenInteger = fc
  .record({
    value: integer,
    zeros: fc.constantFrom('', '0', '0000000000000000000000'),
    plus: fc.boolean(),
    before: fc.constantFrom('', ' ', '\t '),
    after: fc.constantFrom('', '  '),
    quoted: fc.boolean(),
  })
  .map(({ value, zeros, plus, before, after, quoted }) => {
    const sign = value < 0n ? '-' : plus ? '+' : '';
    const digits = String(value < 0n ? -value : value);
    const text = `${before}${sign}${zeros}${digits}${after}`;
    return { value, text: quoted ? `"${text}"` : text };
  });

const cell = fc.oneof(
  { weight: 5, arbitrary: writtenInteger },
  { weight: 1, arbitrary: fc.constant({ value: 0n, text: '' }) },
);

/** Any text as another column's field, quoted where it must be, and sometimes where it need not. */
const otherField = fc
  .tuple(
    fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', 'é', '1', ' '), maxLength: 12 }),
    fc.boolean(),
  )
  .map(([text, quote]) =>
    quote || /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text,
  );

describe('a column of integers among any others sums exactly, wherever the pieces end', () => {
  test.each([1, 2, 3, 7])('of %d columns', (columns) => {
    const row = fc.tuple(
      cell,
      fc.array(otherField, { minLength: columns - 1, maxLength: columns - 1 }),
    );
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 40 }),
        fc.integer({ min: 0, max: columns - 1 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.boolean(),
        fc.integer({ min: 90, max: 200 }),
        (rows, column, newline, endsWithNewline, pieceBytes) => {
          const header = Array.from({ length: columns }, (_, i) => `c${i}`).join(',');
          const lines = rows.map(([{ text }, others]) => others.toSpliced(column, 0, text).join());
          const csv = [header, ...lines].join(newline) + (endsWithNewline ? newline : '');
          const total = rows.reduce((sum, [{ value }]) => sum + value, 0n);
          expect(sumCsv(csv, column, columns, pieceBytes)).toBe(total);
        },
      ),
      { numRuns: 500 },
    );
  });
});

// Rows of plain fields are taken many at a time, and their integers eight digits at a time.
describe('many rows of plain fields', () => {
  const digits = Array.from({ length: 19 }, (_, i) => i + 1);
  const sumOf = (values: readonly bigint[]) => values.reduce((sum, value) => sum + value, 0n);

  test.each(digits)('integers of %d digits', (count) => {
    const least = count === 1 ? 0n : 10n ** BigInt(count - 1);
    const most = count === 19 ? 2n ** 63n - 1n : 10n ** BigInt(count) - 1n;
    const value = fc.bigInt({ min: least, max: most }).chain((n) => fc.constantFrom(n, -n));
    fc.assert(
      fc.property(fc.array(value, { minLength: 50, maxLength: 200 }), (values) => {
        for (const column of [0, 1, 2]) {
          const rows = values.map((n, i) =>
            ['1', 'text', String(i)].with(column, String(n)).join(),
          );
          for (const newline of ['\n', '\r\n']) {
            const csv = ['a,b,c', ...rows, ''].join(newline);
            expect(sumCsv(csv, column, 3)).toBe(sumOf(values));
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  test('sums leave 64 bits, in both directions', () => {
    for (const value of [9_999_999_999_999_999n, -9_999_999_999_999_999n]) {
      const rows = 20_000;
      const csv = `x,y\n${`${value},1\n`.repeat(rows)}`;
      expect(sumCsv(csv, 0, 2)).toBe(value * BigInt(rows));
    }
  });

  test.each([
    '1234567a',
    '12345678a',
    '123456789a',
    'a2345678',
    '1234.678',
    '-',
    '12345678-',
    '--1',
  ])('no integer: %s', (text) => {
    const rows = '1,2,3\n'.repeat(30);
    expect(sumCsv(`a,b,c\n${rows}1,${text},3\n${rows}`, 1, 3)).toBeUndefined();
    expect(sumCsv(`a,b,c\n${rows}1,${text},3\n${rows}`, 2, 3)).toBe(183n);
  });
});

test.each([
  ['a row with a field too few', 'x,y\n1\n'],
  ['a row with a field too many', 'x,y\n1,2,3\n'],
  ['text behind a quote', 'x,y\n1,"2"3\n'],
  ['a quote that is not closed', 'x,y\n1,"2\n'],
  ['a word', 'x,y\none,2\n'],
  ['a decimal', 'x,y\n1.5,2\n'],
  ['a sign alone', 'x,y\n-,2\n'],
  ['spaces alone', 'x,y\n  ,2\n'],
  ['a quoted empty text', 'x,y\n"",2\n'],
  ['one past int64', 'x,y\n9223372036854775808,2\n'],
  ['one before int64', 'x,y\n-9223372036854775809,2\n'],
  ['twenty digits', 'x,y\n10000000000000000000,2\n'],
])('%s is refused', (_, csv) => {
  expect(sumCsv(csv, 0, 2)).toBeUndefined();
});

test.each([
  ['the largest and the least', 'x\n9223372036854775807\n-9223372036854775808', -1n],
  ['a sum past int64', 'x\n9223372036854775807\n9223372036854775807', 2n ** 64n - 2n],
  ['blank lines of one column', 'x\n1\n\n2\n\n', 3n],
  ['blank lines in front of the header', '\n\r\n\nx\n1', 1n],
  ['a header alone', 'x', 0n],
  ['a header with a quoted newline', '"x\ny"\n5', 5n],
])('%s', (_, csv, total) => {
  expect(sumCsv(csv, 0, 1)).toBe(total);
});

test('random bytes are summed or refused, and end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 3 }), (bytes, n) => {
      sumCsv(Buffer.from(bytes).toString('latin1'), 0, n);
    }),
    { numRuns: 5000 },
  );
});
