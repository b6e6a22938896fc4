import { type ColumnType, compileKernels, createCsvRows } from '@tally/kernels';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readHeader, readRow } from '../src/tables/csv-faults.js';
import { CsvFault, CsvReader } from '../src/tables/csv-reader.js';
import { fileOf } from './read-csv.js';

// The kernel says whether a file is right, and the reader why it is not: they must agree.

const limits = {
  chunkColumnsMax: 50,
  columnNameBytesMax: 64,
  fieldBytesMax: 24,
  rowBytesMax: 60,
  rowGroupRowsMax: 8,
  rowGroupBytesMax: 300,
};
const rows = createCsvRows(await compileKernels(), limits);

type Texts = (string | null)[];

/** The rows of a file by the reader; undefined if it has a fault, null if its header has one. */
function readByReader(csv: Uint8Array): { columns: number; rows: Texts[] | undefined } | null {
  const reader = new CsvReader(fileOf(csv), limits.fieldBytesMax);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let columns = 0;
  try {
    columns = readHeader(reader, limits).length;
    const rows: Texts[] = [];
    for (;;) {
      const row: Texts = [];
      const isRow = readRow(reader, columns, limits, (column) => {
        const { bytes, start, end, quoted } = reader;
        const isNull = start === end && !quoted;
        row[column] = isNull ? null : decoder.decode(bytes.subarray(start, end));
      });
      if (!isRow) return { columns, rows };
      rows.push(row);
    }
  } catch (error) {
    if (!(error instanceof CsvFault)) throw error;
    return columns === 0 ? null : { columns, rows: undefined };
  }
}

/** Hands a file to the kernel, `pieceBytes` at a time; false if it refuses it. */
function readByKernel(csv: Uint8Array, pieceBytes: number, endRowGroup: () => void): boolean {
  let offset = 0;
  let kept = 0;
  do {
    const piece = csv.subarray(offset, offset + pieceBytes);
    rows.input.set(piece, kept);
    offset += piece.length;
    const length = kept + piece.length;
    let at = 0;
    for (;;) {
      const used = rows.read(at, length - at, offset === csv.length);
      if (used === 'contradiction') throw new Error('a value is not of the type of its column');
      if (used === 'fault') return false;
      at += used;
      if (!rows.isRowGroupFull()) break;
      endRowGroup();
    }
    rows.input.copyWithin(0, at, length);
    kept = length - at;
  } while (offset < csv.length);
  if (kept > 0) throw new Error(`${kept} bytes are left over`);
  return true;
}

/** The types of the columns; undefined if the kernel refuses the file. */
function scan(csv: Uint8Array, columns: number, pieceBytes: number) {
  rows.beginScan(columns);
  return readByKernel(csv, pieceBytes, () => {}) ? rows.scannedTypes() : undefined;
}

/** Converts a file; undefined if the kernel refuses it. `atRowGroup` is called for each row group. */
function convert(
  csv: Uint8Array,
  types: readonly (ColumnType | null)[],
  pieceBytes: number,
  atRowGroup: () => Texts[],
) {
  const all: Texts[] = [];
  const endRowGroup = () => {
    all.push(...atRowGroup());
    rows.beginRowGroup();
  };
  rows.beginConversion(types);
  if (!readByKernel(csv, pieceBytes, endRowGroup)) return undefined;
  if (rows.rowGroupRows() > 0) endRowGroup();
  return all;
}

/** The rows of a row group whose columns are all texts. */
function rowsOfTexts(columns: number): Texts[] {
  const count = rows.rowGroupRows();
  const table = Array.from({ length: count }, (): Texts => []);
  for (let column = 0; column < columns; column++) {
    const { offsets, bytes } = rows.texts(column, 0, count);
    const validity = rows.validity(column);
    for (const [row, texts] of table.entries()) {
      const isNull = (((validity[row >> 3] ?? 0) >> (row & 7)) & 1) === 0;
      const text = Buffer.from(bytes.subarray(offsets[row], offsets[row + 1])).toString();
      texts.push(isNull ? null : text);
    }
  }
  return table;
}

const mark = Buffer.from([0xef, 0xbb, 0xbf]);

/** Whether the file is right; undefined if its header is not. */
function checkSame(csv: Uint8Array, pieceBytes: number): boolean | undefined {
  const read = readByReader(csv);
  if (read === null) return undefined;
  const text = mark.equals(csv.subarray(0, 3)) ? csv.subarray(3) : csv;
  const types = scan(text, read.columns, pieceBytes);
  expect(types !== undefined).toBe(read.rows !== undefined);
  const strings = Array<ColumnType>(read.columns).fill('string');
  const texts = convert(text, strings, pieceBytes, () => rowsOfTexts(read.columns));
  expect(texts).toEqual(read.rows);
  if (types === undefined) return false;
  expect(convert(text, types, pieceBytes, () => [])).toEqual([]);
  return true;
}

const pieceBytes = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(1_000_000));

const units = [
  ',',
  '"',
  '""',
  '\n',
  '\r',
  '\r\n',
  'a',
  '1',
  '-',
  ' ',
  '\0',
  'é',
  '😀',
  '2024-02-29',
];
const broken = [
  ...[[0xff], [0xc3], [0x80], [0xc1, 0x80], [0xf0, 0x9f], [0xe2, 0x82], [0xe2, 0x82, 0x28]],
  // Longer than need be, a surrogate, and past U+10FFFF; beside each, what is right.
  ...[
    [0xe0, 0x9f, 0xbf],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x8f, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80],
  ],
  ...[
    [0xe0, 0xa0, 0x80],
    [0xed, 0x9f, 0xbf],
    [0xf0, 0x90, 0x80, 0x80],
    [0xf4, 0x8f, 0xbf, 0xbf],
  ],
];
const unit = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...units).map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.constantFrom(...broken).map((bytes) => Buffer.from(bytes)) },
);

test('files of bytes that matter are read or refused alike', () => {
  const seen = new Map<boolean | undefined, number>();
  fc.assert(
    fc.property(
      fc.constantFrom('x\n', 'x,y\r\n', 'x,y,z\r', '', '\ufeff"x"\n'),
      fc.array(unit, { maxLength: 25 }),
      pieceBytes,
      (header, parts, bytes) => {
        const verdict = checkSame(Buffer.concat([Buffer.from(header), ...parts]), bytes);
        seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
      },
    ),
    { numRuns: 6000 },
  );
  for (const verdict of [true, false]) expect(seen.get(verdict)).toBeGreaterThan(500);
});

const field = fc.oneof(
  fc.constantFrom('', '1', '-12', '2.5', 'true', '2024-02-29', 'text', 'é', 'x'.repeat(24)),
  fc.constantFrom('""', '"a,b"', '"a\nb"', '"say ""hi"""', '"é"', '9'.repeat(25), '0'.repeat(24)),
);

test('right files with one damage are read or refused alike', () => {
  const file = fc.integer({ min: 1, max: 4 }).chain((columns) =>
    fc
      .tuple(
        fc.array(fc.array(field, { minLength: columns, maxLength: columns }), { maxLength: 20 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.constantFrom('', '\n'),
      )
      .map(([lines, newline, end]) => {
        const header = Array.from({ length: columns }, (_, i) => `c${i}`).join();
        return Buffer.from([header, ...lines.map((line) => line.join())].join(newline) + end);
      }),
  );
  const damage = fc.record({
    at: fc.nat(400),
    removed: fc.integer({ min: 0, max: 3 }),
    put: fc.oneof(fc.constant(Buffer.alloc(0)), unit),
  });
  const seen = new Map<boolean | undefined, number>();
  fc.assert(
    fc.property(file, fc.option(damage), pieceBytes, (csv, change, bytes) => {
      const at = (change?.at ?? 0) % (csv.length + 1);
      const damaged = change
        ? Buffer.concat([csv.subarray(0, at), change.put, csv.subarray(at + change.removed)])
        : csv;
      const verdict = checkSame(damaged, bytes);
      seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
    }),
    { numRuns: 4000 },
  );
  for (const verdict of [true, false]) expect(seen.get(verdict)).toBeGreaterThan(500);
});

test.each([
  ['a comma at the end', 'a,b\n1,', true],
  ['a comma too many at the end', 'a,b\n1,2,', false],
  ['a header that ends with a comma', 'a,', true],
  ['a header alone', 'a', true],
  ['a quoted field at the end', 'a,b\n1,"2"', true],
  ['a quoted empty field at the end', 'a\n""', true],
  ['a quote that is not closed', 'a\n"1""', false],
  ['the longest field', `a\n${'x'.repeat(24)}`, true],
  ['a field longer than that', `a\n${'x'.repeat(25)}`, false],
  ['the longest quoted field', `a\n"${'x'.repeat(24)}"`, true],
  ['a quoted field longer than that', `a\n"${'x'.repeat(23)}"""`, false],
  ['the longest row', `a,b,c\n${'x'.repeat(20)},${'y'.repeat(20)},${'z'.repeat(17)}\n`, true],
  ['a row longer than that', `a,b,c\n${'x'.repeat(20)},${'y'.repeat(20)},${'z'.repeat(18)}`, false],
  ['blank lines of one column', 'a\n\n\r\n\r\n', true],
  ['blank lines among rows of two columns', 'a,b\n\n1,2\r\n\r\n\r3,4\n\n', true],
  ['blank lines in front of the header', '\r\n\n\ra\n1', true],
  ['text behind a quote', 'a\n"1"2', false],
  ['a quote within a field', 'a\n1"2"', true],
  ['a zero byte', 'a\n\0', true],
])('%s is read or refused alike, wherever it is cut', (_, csv, isRight) => {
  for (let bytes = 1; bytes <= csv.length; bytes++) {
    expect(checkSame(Buffer.from(csv), bytes)).toBe(isRight);
  }
});
