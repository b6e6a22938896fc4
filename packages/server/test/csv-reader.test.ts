import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CsvFault } from '../src/tables/csv-reader.js';
import { fieldBytesMax, type ReadField, readCsv, textsOf } from './read-csv.js';

/** What the reader reads at a time: the first buffer ends here. */
const bufferBytes = 256 * 1024;

const byteOrderMark = '\ufeff';

/** Texts that show where something was lost, doubled or swapped. */
const countedText = Array.from({ length: 160_000 }, (_, i) => `${i}........`.slice(0, 8)).join('');
const longText = (length: number) => countedText.slice(0, length);

const linesOf = (records: readonly (readonly ReadField[])[]) =>
  records.map((record) => record.map(({ line }) => line));

const wellFormed: readonly {
  readonly name: string;
  readonly csv: string;
  readonly records: readonly (readonly string[])[];
}[] = [
  { name: 'an empty file has no record', csv: '', records: [] },
  { name: 'a byte order mark alone is an empty file', csv: byteOrderMark, records: [] },
  {
    name: 'fields',
    csv: 'a,b\n1,2\n',
    records: [
      ['a', 'b'],
      ['1', '2'],
    ],
  },
  {
    name: 'no final newline',
    csv: 'a,b\n1,2',
    records: [
      ['a', 'b'],
      ['1', '2'],
    ],
  },
  {
    name: 'CRLF',
    csv: 'a,b\r\n1,2\r\n',
    records: [
      ['a', 'b'],
      ['1', '2'],
    ],
  },
  {
    name: 'CR',
    csv: 'a,b\r1,2\r',
    records: [
      ['a', 'b'],
      ['1', '2'],
    ],
  },
  { name: 'mixed line ends', csv: 'a\nb\r\nc\rd', records: [['a'], ['b'], ['c'], ['d']] },
  { name: 'a byte order mark', csv: `${byteOrderMark}a,b\n`, records: [['a', 'b']] },
  { name: 'a byte order mark, then a quote', csv: `${byteOrderMark}"a"\n`, records: [['a']] },
  {
    name: 'a second byte order mark is text, and so is one that comes later',
    csv: `${byteOrderMark}${byteOrderMark}a\n${byteOrderMark}b\n`,
    records: [[`${byteOrderMark}a`], [`${byteOrderMark}b`]],
  },
  { name: 'quotes', csv: '"a","b"\n', records: [['a', 'b']] },
  { name: 'quotes at the end of the file', csv: 'a,"b"', records: [['a', 'b']] },
  { name: 'doubled quotes', csv: '"a""b","""",""""""\n', records: [['a"b', '"', '""']] },
  { name: 'commas in quotes', csv: '"a,b",","\n', records: [['a,b', ',']] },
  {
    name: 'newlines in quotes stay as they are',
    csv: '"a\nb","c\r\nd","\re"\n',
    records: [['a\nb', 'c\r\nd', '\re']],
  },
  {
    name: 'empty fields',
    csv: ',\n,,\n',
    records: [
      ['', ''],
      ['', '', ''],
    ],
  },
  { name: 'an empty field at the end of the file', csv: 'a,', records: [['a', '']] },
  { name: 'quoted empty fields', csv: '"",""\n""', records: [['', ''], ['']] },
  { name: 'blank lines', csv: 'a\n\n\r\n\rb\n\n', records: [['a'], [''], [''], [''], ['b'], ['']] },
  { name: 'a blank line alone', csv: '\n', records: [['']] },
  { name: 'spaces are part of a field', csv: ' a ,\tb\n', records: [[' a ', '\tb']] },
  { name: 'a quote within an unquoted field', csv: 'a"b"", "c"\n', records: [['a"b""', ' "c"']] },
  { name: 'NUL', csv: 'a\0b,"\0"\n\0', records: [['a\0b', '\0'], ['\0']] },
  { name: 'other separators are text', csv: 'a;b\tc|d\n', records: [['a;b\tc|d']] },
  { name: 'UTF-8 of one to four bytes', csv: 'a,é,€,😀\n', records: [['a', 'é', '€', '😀']] },
  {
    name: 'line and paragraph separators of Unicode do not end a line',
    csv: 'a\u2028b\u2029c\u0085d\n',
    records: [['a\u2028b\u2029c\u0085d']],
  },
  { name: 'ragged records are read as they are', csv: 'a,b\n1\n', records: [['a', 'b'], ['1']] },
];

describe('reads', () => {
  test.each(wellFormed)('$name', ({ csv, records }) => {
    expect(textsOf(readCsv(csv))).toEqual(records);
  });

  test('whether a field was quoted', () => {
    const [record] = readCsv('a,"b",,""');
    expect(record?.map(({ quoted }) => quoted)).toEqual([false, true, false, true]);
  });

  test('the line on which each field begins, whatever ends the lines', () => {
    const records = readCsv('a,"b\nc\r\nd\re",f\r\n\rg,"""\n"\n"\r\n\n",h');
    expect(linesOf(records)).toEqual([[1, 1, 4], [5], [6, 6], [8, 10]]);
  });

  const lengths = [-2, -1, 0, 1, 2, 3].flatMap((extra) => [
    bufferBytes + extra,
    2 * bufferBytes + extra,
  ]);
  test.each([...lengths, fieldBytesMax])('a field of %i bytes, quoted or not', (length) => {
    const text = longText(length);
    expect(textsOf(readCsv(`${text},"${text}"\n"${text}",${text}`))).toEqual([
      [text, text],
      [text, text],
    ]);
  });

  test('a field of doubled quotes that is longer than the buffer', () => {
    const quotes = bufferBytes / 2 + 1;
    expect(textsOf(readCsv(`a,"${'""'.repeat(quotes)}",b\n`))).toEqual([
      ['a', '"'.repeat(quotes), 'b'],
    ]);
  });
});

describe('reads the same wherever the buffer ends', () => {
  const straddling = [
    { csv: 'ab,cd\nef', records: [['ab', 'cd'], ['ef']] },
    { csv: '"ab","cd"\n"ef"', records: [['ab', 'cd'], ['ef']] },
    { csv: '"a""b",""""\n', records: [['a"b', '"']] },
    { csv: '"""","",""\n', records: [['"', '', '']] },
    { csv: 'a\r\nb\r\n\r\nc', records: [['a'], ['b'], [''], ['c']] },
    { csv: '"a"\r\n"b"\r\n', records: [['a'], ['b']] },
    { csv: '"a\r\nb",c\r"\rd\n"\r\n', records: [['a\r\nb', 'c'], ['\rd\n']] },
    { csv: 'a\rb\r\rc\r', records: [['a'], ['b'], [''], ['c']] },
    {
      csv: 'é,€,😀\n"é","€","😀"\n',
      records: [
        ['é', '€', '😀'],
        ['é', '€', '😀'],
      ],
    },
    {
      csv: ',,\n,',
      records: [
        ['', '', ''],
        ['', ''],
      ],
    },
    { csv: 'a"b"",c"\n', records: [['a"b""', 'c"']] },
  ];

  test.each(straddling)('$csv', ({ csv, records: expected }) => {
    const length = Buffer.byteLength(csv);
    const lines = linesOf(readCsv(csv));
    for (let before = -2; before <= length + 2; before++) {
      // The buffer ends `before` bytes into the text: after one long field, then after many lines.
      const bytes = bufferBytes - before;
      const paddings = [
        `${longText(bytes - 1)}\n`,
        `${'\n'.repeat(8000)}${longText(bytes - 8001)}\n`,
      ];
      for (const [which, padding] of paddings.entries()) {
        const records = which === 0 ? 1 : 8001;
        const read = readCsv(`${padding}${csv}`).slice(records);
        expect(textsOf(read)).toEqual(expected);
        expect(linesOf(read)).toEqual(lines.map((record) => record.map((line) => line + records)));
      }
    }
  });
});

describe('says where a fault is', () => {
  const notClosed = 'the quote that opens here is not closed';
  const textFollows = 'text follows the closing quote; a quote within quotes is written ""';
  const notUtf8 = 'the field is not valid UTF-8';
  // Written in Latin-1, where a letter is a byte.
  test.each([
    { csv: '"', line: 1, field: 1, reason: notClosed },
    { csv: 'a,b\n1,"2\n3,4\n', line: 2, field: 2, reason: notClosed },
    { csv: 'a\n"b""', line: 2, field: 1, reason: notClosed },
    { csv: 'a\r"b\r\n\n\r', line: 2, field: 1, reason: notClosed },
    { csv: '"a\nb\r\nc\rd",e\n"f', line: 5, field: 1, reason: notClosed },
    { csv: 'a,b\n1,"2"3\n', line: 2, field: 2, reason: textFollows },
    { csv: '"a" ,b\n', line: 1, field: 1, reason: textFollows },
    { csv: '\n\n"a""b"c', line: 3, field: 1, reason: textFollows },
    { csv: '"a\nb"c', line: 1, field: 1, reason: textFollows },
    { csv: '"a"\0', line: 1, field: 1, reason: textFollows },
    { csv: 'a,b\n1,\xff\n', line: 2, field: 2, reason: notUtf8 },
    { csv: 'a\n"x\ny\x80"', line: 2, field: 1, reason: notUtf8 },
    { csv: 'overlong \xc0\x80', line: 1, field: 1, reason: notUtf8 },
    { csv: 'surrogate \xed\xa0\x80', line: 1, field: 1, reason: notUtf8 },
    { csv: 'too large \xf4\x90\x80\x80', line: 1, field: 1, reason: notUtf8 },
    { csv: 'cut off \xe2\x82,b', line: 1, field: 1, reason: notUtf8 },
    { csv: 'UTF-16 \xff\xfea\0', line: 1, field: 1, reason: notUtf8 },
    { csv: '\xef\xbb', line: 1, field: 1, reason: notUtf8 },
  ])('$csv: line $line, field $field', ({ csv, line, field, reason }) => {
    const read = () => readCsv(Buffer.from(csv, 'latin1'));
    expect(read).toThrow(new CsvFault(line, field - 1, reason));
    expect(read).toThrow(`line ${line}, field ${field}: ${reason}`);
  });

  const tooLong = (max: number) => `the field is longer than ${max} bytes (--field-bytes-max)`;

  test.each([1024, bufferBytes - 1, bufferBytes, bufferBytes + 1, fieldBytesMax])(
    'a field of one byte more than the %i that are allowed, quoted or not',
    (bytesMax) => {
      const text = longText(bytesMax);
      const fits = `a\n${text}\n"${text}",b\n`;
      expect(textsOf(readCsv(fits, { bytesMax }))).toEqual([['a'], [text], [text, 'b']]);
      for (const long of [`${text}!`, `"${text}!"`]) {
        for (const rest of ['', ',b\n', '\n', '\r\n']) {
          const read = () => readCsv(`a\nb,${long}${rest}`, { bytesMax });
          expect(read).toThrow(`line 2, field 2: ${tooLong(bytesMax)}`);
        }
      }
    },
  );

  test('a file without any separator or closing quote is given up early', () => {
    const endless = 'x'.repeat(4 * fieldBytesMax);
    const reason = `line 1, field 1: ${tooLong(fieldBytesMax)}`;
    expect(() => readCsv(endless)).toThrow(reason);
    expect(() => readCsv(`"${endless}`)).toThrow(reason);
  });
});

describe('for any table', () => {
  const lineEnds = ['\n', '\r\n', '\r'] as const;
  const letter = fc.constantFrom(
    'a',
    ',',
    '"',
    '\n',
    '\r',
    '\r\n',
    ' ',
    '\0',
    'é',
    '€',
    '😀',
    byteOrderMark,
  );
  const text = fc.oneof(
    fc.string({ unit: letter, maxLength: 6 }),
    fc.string({ unit: 'binary', maxLength: 6 }),
  );
  const field = fc.record({ text, quoted: fc.boolean() });
  const record = fc.record({
    fields: fc.array(field, { minLength: 1, maxLength: 5 }),
    lineEnd: fc.constantFrom(...lineEnds),
  });

  type Table = typeof record extends fc.Arbitrary<infer R> ? readonly R[] : never;

  /** Writes a table so that it can be read in one way only; says too what should be read. */
  function write(table: Table, finalLineEnd: boolean) {
    let csv = '';
    let line = 1;
    const records = table.map(({ fields, lineEnd }, row) => {
      const written = fields.map(({ text, quoted }, index) => {
        const atStart = row === 0 && index === 0 && text.startsWith(byteOrderMark);
        return { text, quoted: quoted || atStart || /^"|[,\r\n]/.test(text) };
      });
      const blank = written.length === 1 && written[0]?.text === '' && !written[0].quoted;
      const read = written.map(({ text, quoted }, index) => {
        csv += `${index > 0 ? ',' : ''}${quoted ? `"${text.replaceAll('"', '""')}"` : text}`;
        const begins = line;
        line += text.match(/\r\n|\r|\n/g)?.length ?? 0;
        return { text, quoted, line: begins };
      });
      // A blank line that LF ends would make one line end with the CR before it, and without
      // any line end there would be no blank line.
      const last = row === table.length - 1;
      const mergesWithCr = blank && csv.endsWith('\r') && lineEnd.startsWith('\n');
      if (mergesWithCr) csv += '\r';
      else if (!last || finalLineEnd || blank) csv += lineEnd;
      line++;
      return read;
    });
    return { csv, records };
  }

  test('what was written, with any quoting and line ends, is what is read', () => {
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 8 }),
        fc.boolean(),
        fc.boolean(),
        (table, finalLineEnd, mark) => {
          const { csv, records } = write(table, finalLineEnd);
          expect(readCsv(`${mark ? byteOrderMark : ''}${csv}`)).toEqual(records);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('and wherever the buffer ends', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 3 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (table, finalLineEnd, buffers, where) => {
          const { csv } = write(table, finalLineEnd);
          const before = Math.round(Buffer.byteLength(csv) * where);
          // A first record so long that a buffer ends `before` bytes into the table.
          const text = longText(buffers * bufferBytes - before - 1);
          const pad = { fields: [{ text, quoted: false }], lineEnd: '\n' as const };
          const padded = write([pad, ...table], finalLineEnd);
          expect(readCsv(padded.csv)).toEqual(padded.records);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('for any bytes', () => {
  const byte = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(0x2c, 0x22, 0x0a, 0x0d, 0x61, 0x20) },
    { weight: 1, arbitrary: fc.constantFrom(0xef, 0xbb, 0xbf, 0xc3, 0xa9, 0x00) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
  );

  /** Reads to the end, or to a fault; anything else that is thrown fails the test. */
  function readOrFault(bytes: Uint8Array): void {
    try {
      readCsv(bytes, { bytesMax: 1024 });
    } catch (error) {
      if (!(error instanceof CsvFault)) throw error;
      expect(error.line).toBeGreaterThanOrEqual(1);
      expect(error.message).toMatch(/^line [0-9]+, field [0-9]+: /);
    }
  }

  test('the reader ends, and throws nothing but CsvFault', () => {
    const bytes = fc.array(byte, { maxLength: 200 });
    fc.assert(
      fc.property(bytes, (some) => readOrFault(Uint8Array.from(some))),
      { numRuns: 2000 },
    );
  });

  test('and also where a buffer ends among them', () => {
    const line = Buffer.from(`${'x'.repeat(63)}\n`);
    fc.assert(
      fc.property(
        fc.array(byte, { minLength: 20, maxLength: 200 }),
        fc.integer({ min: 0, max: 200 }),
        (some, before) => {
          const lines = Buffer.alloc(bufferBytes - before, line);
          readOrFault(Buffer.concat([lines, Uint8Array.from(some)]));
        },
      ),
      { numRuns: 150 },
    );
  });
});
