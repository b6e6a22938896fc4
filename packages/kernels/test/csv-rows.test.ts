import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ColumnType, isOfType } from '../dist/index.js';
import { kernels } from './column-file.js';
import { typeOf, type Value, valueAs } from './csv-oracle.js';
import { columnsOf, convert, type RowGroup, rowsWithin, scan } from './read-rows.js';

const limits = {
  fieldBytesMax: 600,
  rowBytesMax: 4000,
  rowGroupRowsMax: 40,
  rowGroupBytesMax: 3000,
};
const rows = rowsWithin(limits);

/** A field as it is written, and the text that it stands for; null for nothing. */
interface Field {
  readonly written: string;
  readonly text: string | null;
}

const digits = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: length });
const sign = fc.constantFrom('', '', '-', '+');
const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join(''));

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -1000n, max: 1000n }),
);
const edges = ['9223372036854775807', '9223372036854775808', '-9223372036854775808'];
const longs = fc.oneof(
  int64.map(String),
  joined(sign, digits(25)),
  fc.constantFrom('0', '-0', '+0', ...edges, '-9223372036854775809', `-${'0'.repeat(30)}5`),
);

/** The bits of a double, printed. */
const printedDouble = fc.double({ noNaN: true, noDefaultInfinity: true }).map(String);
const exponent = joined(fc.constantFrom('e', 'E'), sign, digits(4));
const doubles = fc.oneof(
  printedDouble,
  joined(sign, digits(22), fc.constant('.'), fc.oneof(fc.constant(''), digits(22))),
  joined(sign, fc.constant('.'), digits(20), fc.oneof(fc.constant(''), exponent)),
  joined(sign, digits(20), fc.oneof(fc.constant(''), fc.constant('.')), exponent),
  fc.constantFrom(
    '-0.0',
    '1e999',
    '1.',
    '.5',
    '.',
    'e5',
    '1e',
    '1e+',
    '1.5.5',
    '900719925474099.9',
  ),
);

const booleans = fc
  .tuple(fc.constantFrom('true', 'false'), fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }))
  .map(([word, upper]) =>
    [...word].map((letter, i) => (upper[i] ? letter.toUpperCase() : letter)).join(''),
  );

const two = (max: number) =>
  fc.integer({ min: 0, max }).map((value) => String(value).padStart(2, '0'));
const dates = fc.oneof(
  fc
    .integer({ min: -719_528, max: 2_932_896 })
    .map((day) => new Date(day * 86_400_000).toISOString().slice(0, 10)),
  fc
    .tuple(fc.integer({ min: 0, max: 9999 }), two(13), two(32))
    .map(([year, month, day]) => `${String(year).padStart(4, '0')}-${month}-${day}`),
  fc.constantFrom('2000-02-29', '1900-02-29', '2024-02-30', '0000-02-29', '9999-12-31'),
);
const seconds = fc.oneof(
  fc.constant(''),
  joined(fc.constant(':'), two(61)),
  joined(fc.constant(':'), two(59), fc.constant('.'), digits(7)),
);
const zone = fc.oneof(
  fc.constantFrom('', 'Z', 'z', '+0', '+5:30'),
  joined(fc.constantFrom('-', '+'), two(19), fc.constantFrom('', ':'), two(60)),
);
const timestamps = joined(
  dates,
  fc.constantFrom('T', ' ', 't'),
  two(24),
  fc.constant(':'),
  two(60),
  seconds,
  zone,
);

const letters = ['a', 'é', '€', '😀', ',', '"', '\n', '\r', ' ', '\t', '1', '-', '\0', '\u{feff}'];
const strings = fc.oneof(
  fc.string({ unit: fc.constantFrom(...letters), maxLength: 20 }),
  fc.string({ unit: fc.constantFrom(...letters), minLength: 60, maxLength: 130 }),
  fc.constantFrom('', ' ', 'tru', 'truee', 'falsy', '\u{54}RUE', 'x'.repeat(300)),
);

/** Texts of a kind, most of them of that type; some with a letter that makes them no value of it. */
const kinds: readonly fc.Arbitrary<string>[] = [
  longs,
  doubles,
  booleans,
  dates,
  timestamps,
  strings,
  fc.oneof(longs, doubles),
  fc.oneof(dates, timestamps, booleans, doubles),
];

const spaced = (texts: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 6, arbitrary: texts },
    { weight: 1, arbitrary: joined(fc.constantFrom(' ', '\t ', ''), texts, fc.constant(' ')) },
  );

function field(texts: fc.Arbitrary<string>): fc.Arbitrary<Field> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.tuple(spaced(texts), fc.boolean()).map(fieldOf) },
    { weight: 1, arbitrary: fc.constant({ written: '', text: null }) },
  );
}

function fieldOf([text, quote]: readonly [string, boolean]): Field {
  const isQuoted = quote || text === '' || /^"|[,\n\r]/.test(text);
  return { written: isQuoted ? `"${text.replaceAll('"', '""')}"` : text, text };
}

/** Where a file is cut: everywhere, at random, or nowhere. */
const cuts = fc.oneof(
  fc.constant([1]),
  fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
  fc.constant([1_000_000]),
);

interface File {
  readonly csv: Uint8Array;
  /** Of each column, the texts of its rows. */
  readonly texts: readonly (readonly (string | null)[])[];
}

/** Files whose columns are each of a few values of the same kind, so that they have a type. */
const file: fc.Arbitrary<File> = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 70 }))
  .chain(([columns, count]) =>
    fc.tuple(
      fc.array(
        fc
          .constantFrom(...kinds)
          .chain((kind) => fc.array(field(kind), { minLength: 1, maxLength: 6 }))
          .chain((fields) =>
            fc.array(fc.constantFrom(...fields), { minLength: count, maxLength: count }),
          ),
        { minLength: columns, maxLength: columns },
      ),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.boolean(),
      fc.constantFrom('', '\n', '\r\n\r'),
    ),
  )
  .map(([columns, newline, hasLastNewline, before]) => {
    const header = columns.map((_, i) => `"c${newline}${i}"`).join();
    const count = columns[0]?.length ?? 0;
    const lines = Array.from({ length: count }, (_, row) =>
      columns.map((fields) => fields[row]?.written ?? '').join(),
    );
    // A last line without anything on it is a row only with a line end behind it.
    const end = hasLastNewline || lines.at(-1) === '' ? newline : '';
    const csv = Buffer.from(before + [header, ...lines].join(newline) + end);
    return { csv, texts: columns.map((fields) => fields.map(({ text }) => text)) };
  });

/** The values of each column by its type; undefined for a text that is none. */
const valuesOf = ({ texts }: File, types: readonly (ColumnType | null)[]) =>
  texts.map((column, i) => {
    const type = types[i];
    return type ? column.map((text) => (text === null ? null : valueAs(type, text))) : null;
  });

/** Bytes of a row of a row group, as the limits count them: with addresses, without alignment. */
const decodedBytes = (types: readonly (ColumnType | null)[], values: readonly Value[]) =>
  values.reduce((sum: number, value, i) => {
    if (types[i] === null) return sum;
    if (types[i] === 'boolean') return sum + 1 / 4;
    return sum + 8 + 1 / 8 + (typeof value === 'string' ? Buffer.byteLength(value) : 0);
  }, 0);

function checkRowGroups(groups: readonly RowGroup[], types: readonly (ColumnType | null)[]): void {
  for (const { rows, columns } of groups) {
    expect(rows).toBeGreaterThan(0);
    expect(rows).toBeLessThanOrEqual(limits.rowGroupRowsMax);
    let bytes = 0;
    for (let row = 0; row < rows; row++) {
      bytes += decodedBytes(
        types,
        columns.map((column) => column?.[row] ?? null),
      );
    }
    if (rows > 1) expect(bytes).toBeLessThanOrEqual(limits.rowGroupBytesMax);
  }
}

test('columns have the type of all their values, wherever the pieces end', () => {
  fc.assert(
    fc.property(file, cuts, ({ csv, texts }, pieces) => {
      expect(scan(rows, csv, texts.length, pieces)).toEqual(texts.map(typeOf));
    }),
    { numRuns: 2500 },
  );
});

test('rows are converted by the types of their columns, wherever the pieces end', () => {
  fc.assert(
    fc.property(file, cuts, (some, pieces) => {
      const types = some.texts.map(typeOf);
      const groups = convert(rows, some.csv, types, pieces);
      if (typeof groups === 'string') throw new Error(groups);
      checkRowGroups(groups, types);
      const expected = valuesOf(some, types);
      const count = some.texts[0]?.length ?? 0;
      expect(columnsOf(groups, types.length)).toEqual(count === 0 ? types.map(() => []) : expected);
    }),
    { numRuns: 2500 },
  );
});

const anyType = fc.constantFrom<ColumnType | null>(
  'long',
  'double',
  'boolean',
  'date',
  'timestamp',
  'string',
  null,
);

test('a value that is not of the type that its column is taken to have is a contradiction', () => {
  const anyTypes = fc.array(anyType, { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(file, cuts, anyTypes, (some, pieces, wanted) => {
      const types = wanted.slice(0, some.texts.length);
      const groups = convert(rows, some.csv, types, pieces);
      const values = valuesOf(some, types);
      const contradicts = some.texts.some((column, i) =>
        types[i] === null ? column.some((text) => text !== null) : values[i]?.includes(undefined),
      );
      if (contradicts) expect(groups).toBe('contradiction');
      else expect(groups).not.toBeTypeOf('string');
    }),
    { numRuns: 1000 },
  );
});

test('rows that are each longer than a row group, behind one that is not', () => {
  const lines = ['', 'x'.repeat(560), 'y'.repeat(560), 'z'.repeat(560), 'w', 'v'.repeat(560)];
  const columns = 7;
  const csv = Buffer.from(
    ['h', ...lines].map((text) => Array(columns).fill(text).join()).join('\n'),
  );
  const types = Array<ColumnType>(columns).fill('string');
  for (const piece of [100, csv.length]) {
    const groups = convert(rows, csv, types, [piece]);
    if (typeof groups === 'string') throw new Error(groups);
    expect(groups.map(({ rows }) => rows)).toEqual([1, 1, 1, 1, 1, 1]);
    const texts = lines.map((text) => (text === '' ? null : text));
    expect(columnsOf(groups, columns)).toEqual(Array(columns).fill(texts));
  }
});

test('values that take up a row group by themselves make one of each row', () => {
  const tiny = rowsWithin({ ...limits, rowGroupBytesMax: 8 });
  const groups = convert(tiny, Buffer.from('a,b\n1,x\n2,\n,z'), ['long', 'string'], [1]);
  expect(groups).toEqual([
    { rows: 1, columns: [[1n], ['x']] },
    { rows: 1, columns: [[2n], [null]] },
    { rows: 1, columns: [[null], ['z']] },
  ]);
});

test('as many columns as there is room for, and no more', () => {
  const columns = 4096;
  const wide = rowsWithin({ ...limits, rowBytesMax: 65_536, rowGroupBytesMax: 1024 * 1024 });
  const types = Array.from({ length: columns }, (_, i) => (['string', 'long'] as const)[i % 2]);
  const line = Array.from({ length: columns }, (_, i) => (i % 2 ? i : 'x')).join();
  const csv = Buffer.from(`${`${line}\n`.repeat(30)}`);
  expect(scan(wide, csv, columns, [1000])).toEqual(types);
  const groups = convert(wide, csv, types as ColumnType[], [1000]);
  if (typeof groups === 'string') throw new Error(groups);
  expect(groups.reduce((sum, { rows }) => sum + rows, 0)).toBe(29);
  expect(columnsOf(groups, columns).at(-1)).toEqual(Array(29).fill(4095n));
  expect(() => wide.beginScan(columns + 1)).toThrow('1 to 4096 are allowed');
  expect(() => wide.beginConversion([...(types as ColumnType[]), null])).toThrow(RangeError);
});

/** Scans and converts a column of the given texts. */
function convertTexts(texts: readonly string[], type: ColumnType) {
  const csv = Buffer.from(`v\n${texts.join('\n')}\n`);
  expect(scan(rows, csv, 1, [csv.length])).toEqual([type]);
  const groups = convert(rows, csv, [type], [csv.length]);
  if (typeof groups === 'string') throw new Error(groups);
  return columnsOf(groups, 1)[0];
}

describe('doubles are those that Number gives, bit for bit', () => {
  const check = (texts: readonly string[]) => {
    expect(convertTexts(texts, 'double')).toEqual(texts.map(Number));
  };

  test('of products that one step does not round right', () => {
    // 2^53 + 7 is no double.
    check(['900719925474099.9', '90071992547409.99', '9007199254740.993e3', '9007199254740993.']);
  });

  test('of any digits around 2^53', () => {
    const mantissa = fc.bigInt({ min: 2n ** 53n - 50n, max: 2n ** 53n + 50n }).map(String);
    const shift = fc.integer({ min: 0, max: 16 });
    const near = fc
      .tuple(mantissa, shift, fc.integer({ min: -25, max: 25 }))
      .map(([all, at, power]) => `${all.slice(0, at)}.${all.slice(at)}e${power}`);
    fc.assert(fc.property(fc.array(near, { minLength: 1, maxLength: 50 }), check));
  });

  test('of any bits, printed short and long', () => {
    const printed = fc
      .tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: 0, max: 40 }))
      .map(([value, places]) => value.toExponential(places))
      // The largest ones rounded up are none.
      .filter((text) => Number.isFinite(Number(text)));
    fc.assert(fc.property(fc.array(printed, { minLength: 1, maxLength: 50 }), check));
  });

  test('of any digits and powers', () => {
    const written = joined(sign, digits(30), fc.constant('.'), digits(30), fc.constant('e'))
      .chain((text) => fc.integer({ min: -400, max: 270 }).map((power) => `${text}${power}`))
      .filter((text) => Number.isFinite(Number(text)));
    fc.assert(fc.property(fc.array(written, { minLength: 1, maxLength: 50 }), check));
  });
});

describe('dates and timestamps of the years 0000 to 9999', () => {
  const large = rowsWithin({ ...limits, rowGroupRowsMax: 100_000, rowGroupBytesMax: 2 ** 22 });
  const years = Array.from({ length: 10_000 }, (_, year) => String(year).padStart(4, '0'));
  const written = years.flatMap((year) =>
    ['01-01', '02-28', '02-29', '03-01', '12-31'].map((day) => `${year}-${day}`),
  );

  test('are those that Date gives', () => {
    const days = written.filter((day) => valueAs('date', day) !== undefined);
    expect(days.length).toBe(4 * 10_000 + 2425);
    const times = days.map((day, i) => `${day}T23:59:59.${i}${i % 2 ? '-18:59' : '+1800'}`);
    const csv = Buffer.from(`d,t\n${days.map((day, i) => `${day},${times[i]}\n`).join('')}`);
    const groups = convert(large, csv, ['date', 'timestamp'], [csv.length]);
    if (typeof groups === 'string') throw new Error(groups);
    expect(columnsOf(groups, 2)).toEqual([
      days.map((day) => BigInt(Date.parse(`${day}T00:00:00Z`) / 86_400_000)),
      times.map((time) => valueAs('timestamp', time)),
    ]);
  });

  test('and what is no day is text', () => {
    for (const day of written.filter((day) => valueAs('date', day) === undefined)) {
      const csv = Buffer.from(`d,t\n${day},${day}T00:00\n`);
      expect(scan(rows, csv, 2, [csv.length])).toEqual(['string', 'string']);
    }
  });
});

describe('a text alone', () => {
  const types = ['long', 'double', 'boolean', 'date', 'timestamp', 'string'] as const;

  test('is of the types that a column of it could have', () => {
    fc.assert(
      fc.property(spaced(fc.oneof(...kinds)), (text) => {
        const found = types.filter((type) => isOfType(kernels, type, Buffer.from(text)));
        expect(found).toEqual(types.filter((type) => valueAs(type, text) !== undefined));
      }),
      { numRuns: 5000 },
    );
  });

  test('that the input has no room for is of none', () => {
    const zeros = Buffer.alloc(kernels.input.length + 1, '0');
    expect(isOfType(kernels, 'long', zeros.subarray(1))).toBe(true);
    expect(isOfType(kernels, 'long', zeros)).toBe(false);
  });
});
