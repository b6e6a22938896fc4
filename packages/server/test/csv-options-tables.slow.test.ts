import { gzipSync } from 'node:zlib';
import { BadRows, Compression, type CsvOptions } from '@tally/stubs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { filesOf, keptCsv, uploadAs } from './csv-options.js';
import { sharedServer } from './server.js';
import { piecesOf } from './table-calls.js';
import { readWithHyparquet } from './table-files.js';

// Random tables, in a random form, written by writers and read by a reader of this file's own.

const shared = sharedServer();
const streamed = () => shared.connection.streamed;

type Cell = string | null;

/** How a file is written. */
interface Form {
  readonly delimiter: string;
  readonly quote: string;
  readonly newline: string;
  readonly noHeader: boolean;
  readonly nullWords: readonly string[];
  readonly byteOrderMark: string;
  readonly endsWithNewline: boolean;
  /** Bytes of each member of a gzip file; 0: it is none. */
  readonly memberBytes: number;
}

const form: fc.Arbitrary<Form> = fc
  .record({
    delimiter: fc.constantFrom(',', ';', '\t', '|', ' ', '\x01', '"', '-', '.'),
    quote: fc.constantFrom('"', "'", '`', '|', '\0'),
    newline: fc.constantFrom('\n', '\r\n', '\r'),
    noHeader: fc.boolean(),
    nullWords: fc.subarray(['NA', 'NULL', '-', '1', 'é', ' ', ',', '']),
    byteOrderMark: fc.constantFrom('', '\ufeff'),
    endsWithNewline: fc.boolean(),
    memberBytes: fc.constantFrom(0, 0, 7, 1000),
  })
  .filter(({ delimiter, quote }) => delimiter !== quote);

const letters = [
  ...['a', 'é', '😀', ',', ';', '\t', '|', ' ', '"', "'", '`', '\n', '\r', '\0', '\x01'],
  ...['1', '-', '.', 'NA', '\ufeff'],
];
const text = fc.oneof(
  fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 }),
  fc.integer().map(String),
  fc.constantFrom('', 'NA', 'NULL', '-', 'true', '2026-11-23', '1.5', '""', "''"),
);
const cell: fc.Arbitrary<Cell> = fc.option(text, { freq: 4 });

const table = fc.integer({ min: 1, max: 4 }).chain((columns) =>
  fc.record({
    names: fc.uniqueArray(
      text.filter((name) => !/^(column_.*)?$/.test(name)),
      {
        minLength: columns,
        maxLength: columns,
      },
    ),
    rows: fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 20 }),
  }),
);

/** In Tally's own form. */
function written(names: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const field = (value: Cell) => {
    if (value === null) return '';
    return value === '' || /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  };
  const header = names.map(field).join();
  const first = header.startsWith('\ufeff')
    ? `"${names[0]}"${header.slice(names[0]?.length)}`
    : header;
  return [first, ...rows.map((row) => row.map(field).join())].map((line) => `${line}\n`).join('');
}

/** In another form; `quoteMore` says whether the nth field is quoted that need not be. */
function writtenAs(
  { delimiter, quote, newline, nullWords, endsWithNewline, byteOrderMark }: Form,
  records: readonly (readonly Cell[])[],
  quoteMore: readonly boolean[],
  isHeaderFirst: boolean,
): string {
  const nulls = [
    '',
    ...nullWords.filter((word) => !/[\n\r]/.test(word) && !word.includes(delimiter)),
  ].filter((word) => !word.startsWith(quote));
  let n = 0;
  const field = (value: Cell, isName: boolean) => {
    n++;
    if (value === null) return nulls[n % nulls.length] as string;
    const mustQuote =
      [delimiter, '\n', '\r'].some((mark) => value.includes(mark)) ||
      value.startsWith(quote) ||
      value === '' ||
      value.startsWith('\ufeff') ||
      (!isName && nullWords.includes(value));
    if (!mustQuote && !quoteMore[n % quoteMore.length]) return value;
    return quote + value.replaceAll(quote, quote + quote) + quote;
  };
  const lines = records.map((record, i) =>
    record.map((value) => field(value, isHeaderFirst && i === 0)).join(delimiter),
  );
  // Without a line end behind it, an empty last line is none.
  const end = endsWithNewline || lines.at(-1) === '' ? newline : '';
  return byteOrderMark + lines.join(newline) + end;
}

function gzipped(csv: string, memberBytes: number): Uint8Array {
  const bytes = Buffer.from(csv);
  if (memberBytes === 0) return bytes;
  const members: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += memberBytes) {
    members.push(gzipSync(bytes.subarray(at, at + memberBytes)));
  }
  return Buffer.concat(members);
}

const optionsOf = ({
  delimiter,
  quote,
  noHeader,
  nullWords,
  memberBytes,
}: Form): Partial<CsvOptions> => ({
  delimiter,
  quote,
  noHeader,
  nullWords: [...nullWords],
  compression: memberBytes === 0 ? 0 : Compression.COMPRESSION_GZIP,
});

test("a table in any form is the same as in Tally's own", async () => {
  await fc.assert(
    fc.asyncProperty(
      form,
      table,
      fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
      async (form, { names, rows }, quoteMore) => {
        const isBlank = (row: readonly Cell[]) => row.length === 1 && row[0] === null;
        // A first row that is blank may be one, or none.
        fc.pre(!form.noHeader || (rows.length > 0 && !isBlank(rows[0] ?? [])));
        const shown = form.noHeader ? names.map((_, i) => `column_${i + 1}`) : names;
        const records = form.noHeader ? rows : [names, ...rows];
        const sent = gzipped(writtenAs(form, records, quoteMore, !form.noHeader), form.memberBytes);
        const expected = written(shown, rows);
        const plain = await streamed().upload(piecesOf(expected, 60_000));
        const reply = await uploadAs(streamed(), sent, optionsOf(form));
        expect(await keptCsv(shared.server, reply)).toBe(expected);
        expect({ ...reply, chunkId: '' }).toEqual({ ...plain, chunkId: '' });
        const files = [plain, reply].map((kept) =>
          readWithHyparquet(filesOf(shared.server, kept).parquetPath),
        );
        const [first, second] = await Promise.all(files);
        expect(second).toEqual(first);
      },
    ),
    { numRuns: 150 },
  );
});

/** A record of a file that may have faults. */
interface Read {
  readonly line: number;
  readonly fields: readonly Cell[];
  readonly isBad: boolean;
}

/** Reads semicolons and single quotes, whole in memory; a faulty quote ends its record with its line. */
function* recordsOf(csv: string): Generator<Read> {
  const lineEnd = /\r\n|\r|\n/g;
  const endAt = (at: number) => /^(\r\n|\r|\n)/.exec(csv.slice(at, at + 2))?.[0].length ?? 0;
  let at = 0;
  let line = 1;
  while (at < csv.length) {
    const record = line;
    const fields: Cell[] = [];
    let isBad = false;
    for (let isOver = false; !isOver; ) {
      const quoted = /'((?:[^']|'')*)'(?!')/y;
      const bare = /[^;\r\n]*/y;
      quoted.lastIndex = at;
      bare.lastIndex = at;
      const inQuotes = quoted.exec(csv);
      const next = csv[quoted.lastIndex];
      if (csv[at] === "'" && (inQuotes === null || !(next === undefined || /[;\r\n]/.test(next)))) {
        isBad = true;
        at = csv.slice(at).search(/[\r\n]|$/) + at;
      } else if (inQuotes !== null) {
        fields.push(inQuotes[1]?.replaceAll("''", "'") ?? '');
        line += inQuotes[0].match(lineEnd)?.length ?? 0;
        at = quoted.lastIndex;
      } else {
        const value = bare.exec(csv)?.[0] ?? '';
        fields.push(value === '' ? null : value);
        at = bare.lastIndex;
      }
      isOver = csv[at] !== ';';
      if (!isOver) at++;
    }
    const ended = endAt(at);
    at += ended;
    if (ended > 0) line++;
    yield { line: record, fields, isBad };
  }
}

describe.each([
  { what: 'rows with faults are left out, and no others', buffered: 0 },
  // The server reads 256 KiB at a time.
  { what: 'also where what is read at a time ends within them', buffered: 256 * 1024 },
])('$what', ({ buffered }) => {
  test.each([1, 2, 3])('of %i columns', async (columns) => {
    const names = Array.from({ length: columns }, (_, i) => `c${i}`);
    const junk = fc.array(fc.constantFrom('a', 'b', ';', ';', "'", "'", '\n', '\n', '\r'), {
      maxLength: 50,
    });
    await fc.assert(
      fc.asyncProperty(junk, fc.nat(30), async (parts, before) => {
        const header = `${names.join(';')}\n`;
        const filler = `${'x'.repeat(Math.max(1, buffered - before - header.length))}${';'.repeat(columns - 1)}\n`;
        const sent = header + filler + parts.join('');
        const records = [...recordsOf(sent)].slice(1);
        const isBlank = ({ fields }: Read) => fields.length === 1 && fields[0] === null;
        const rows = records.filter((read) => read.isBad || columns === 1 || !isBlank(read));
        const isGood = ({ isBad, fields }: Read) => !isBad && fields.length === columns;
        const options = { delimiter: ';', quote: "'", badRows: BadRows.BAD_ROWS_SKIP };
        const reply = await uploadAs(streamed(), sent, options);
        expect(reply.error).toBe('');
        expect(await keptCsv(shared.server, reply)).toBe(
          written(
            names,
            rows.filter(isGood).map(({ fields }) => fields),
          ),
        );
        const rejected = rows.filter((row) => !isGood(row)).map(({ line }) => BigInt(line));
        expect(reply.rejectedRows.map(({ line }) => line)).toEqual(rejected);
        expect(reply.rejectedRowCount).toBe(BigInt(rejected.length));
      }),
      { numRuns: 100 },
    );
  });
});
