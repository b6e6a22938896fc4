import { readColumn } from 'hyparquet/src/column.js';
import { getSchemaPath } from 'hyparquet/src/schema.js';
import {
  type Bounds,
  type ColumnType,
  type CsvRows,
  columnChunkSummer,
  compileKernels,
  createCsvRows,
  type RowLimits,
  type RowsFault,
} from '../dist/index.js';
import { feed, kernels } from './column-file.js';
import type { Value } from './csv-oracle.js';

const module = await compileKernels();

/** Reads rows within `limits`. */
export const rowsWithin = (limits: RowLimits): CsvRows => createCsvRows(module, limits);

/** The rows of one row group, column by column; null for a column without type. */
export interface RowGroup {
  readonly rows: number;
  readonly columns: readonly (readonly Value[] | null)[];
}

/**
 * Hands a file to `read` in pieces, whose sizes are those of `pieces` over and over again; between
 * them `endRowGroup` is called for each row group that is full.
 */
function readPieces(
  rows: CsvRows,
  csv: Uint8Array,
  pieces: readonly number[],
  endRowGroup: () => void,
): RowsFault | undefined {
  let offset = 0;
  let kept = 0;
  for (let i = 0; offset < csv.length || i === 0; i++) {
    const wanted = pieces[i % pieces.length] ?? csv.length;
    const piece = csv.subarray(offset, offset + Math.min(wanted, rows.input.length - kept));
    // More than the longest field is left over.
    if (piece.length === 0 && csv.length > 0) return 'fault';
    rows.input.set(piece, kept);
    offset += piece.length;
    const length = kept + piece.length;
    let used = 0;
    for (;;) {
      const more = rows.read(used, length - used, offset === csv.length);
      if (typeof more === 'string') return more;
      if (more < 0 || used + more > length) throw new Error(`${more} bytes of ${length - used}`);
      used += more;
      if (!rows.isRowGroupFull()) break;
      endRowGroup();
    }
    rows.input.copyWithin(0, used, length);
    kept = length - used;
  }
  if (kept > 0) throw new Error(`${kept} bytes are left over`);
  return undefined;
}

/** The types of a file's columns. */
export function scan(
  rows: CsvRows,
  csv: Uint8Array,
  columns: number,
  pieces: readonly number[],
): (ColumnType | null)[] | RowsFault {
  rows.beginScan(columns);
  return readPieces(rows, csv, pieces, () => {}) ?? rows.scannedTypes();
}

/** The row groups of a file, whose columns have these types. */
export function convert(
  rows: CsvRows,
  csv: Uint8Array,
  types: readonly (ColumnType | null)[],
  pieces: readonly number[],
): RowGroup[] | RowsFault {
  const groups: RowGroup[] = [];
  rows.beginConversion(types);
  const endRowGroup = () => {
    const columns = types.map((type, column) => type && readValues(rows, column, type));
    groups.push({ rows: rows.rowGroupRows(), columns });
    rows.beginRowGroup();
  };
  const fault = readPieces(rows, csv, pieces, endRowGroup);
  if (fault !== undefined) return fault;
  if (rows.rowGroupRows() > 0) endRowGroup();
  return groups;
}

/** All values of each column, whatever its row groups. */
export const columnsOf = (groups: readonly RowGroup[], columns: number): (Value[] | null)[] =>
  Array.from({ length: columns }, (_, column) => {
    const parts = groups.map((group) => group.columns[column] ?? null);
    return parts.includes(null) ? null : parts.flatMap((part) => part ?? []);
  });

function readValues(rows: CsvRows, column: number, type: ColumnType): readonly Value[] {
  const count = rows.rowGroupRows();
  const validity = Uint8Array.from(rows.validity(column));
  const values = allValues(rows, column, type).map((value, row) =>
    bitOf(validity, row) ? value : null,
  );
  const nulls = values.filter((value) => value === null).length;
  if (values.length !== count || nulls !== rows.nulls(column)) {
    throw new Error(`${values.length} values, ${nulls} nulls: not ${rows.nulls(column)}`);
  }
  return values;
}

const bitOf = (bits: Uint8Array, index: number): boolean =>
  (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;

function allValues(rows: CsvRows, column: number, type: ColumnType): readonly Value[] {
  const count = rows.rowGroupRows();
  const each = (of: (row: number) => Value) => Array.from({ length: count }, (_, row) => of(row));
  if (type === 'double') return [...rows.doubles(column)];
  if (type === 'boolean') {
    const bits = rows.booleans(column);
    return each((row) => bitOf(bits, row));
  }
  if (type === 'string') {
    const { offsets, bytes } = rows.texts(column, 0, count);
    if (offsets[0] !== 0 || offsets[count] !== bytes.length) throw new Error('texts have a gap');
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return each((row) => decoder.decode(bytes.subarray(offsets[row], offsets[row + 1])));
  }
  const pages: Uint8Array[] = [];
  const all = rows.pages(column);
  let page = all.next();
  for (; !page.done; page = all.next()) pages.push(Uint8Array.from(page.value));
  const kind = type === 'date' ? 'INT32' : 'INT64';
  const values = readPages(Buffer.concat(pages), kind, count);
  checkSum(Buffer.concat(pages), kind, values);
  checkBounds(values, page.value);
  return values;
}

/** The values of a column chunk, read by hyparquet. */
export function readPages(
  pages: Uint8Array,
  type: 'INT32' | 'INT64',
  rows: number,
): (bigint | null)[] {
  const element = { name: 'v', type, repetition_type: 'OPTIONAL' } as const;
  const schemaPath = getSchemaPath([{ name: 'schema', num_children: 1 }, element], ['v']);
  const reader = { view: new DataView(pages.buffer, pages.byteOffset, pages.length), offset: 0 };
  const { data } = readColumn(
    reader,
    { groupStart: 0, groupRows: rows, selectStart: 0, selectEnd: rows },
    {
      pathInSchema: ['v'],
      type,
      element,
      schemaPath,
      codec: 'UNCOMPRESSED',
      // Only texts, dates and times are parsed.
      parsers: {} as never,
    },
  );
  return data.flatMap((part) =>
    Array.from(part, (value) => (value == null ? null : BigInt(value))),
  );
}

/** Throws unless the kernel that sums finds whole pages with these values, checksums included. */
function checkSum(
  pages: Uint8Array,
  type: 'INT32' | 'INT64',
  values: readonly (bigint | null)[],
): void {
  const summer = columnChunkSummer(kernels, { type, codec: 'UNCOMPRESSED', optional: true });
  feed(pages, summer.addPages);
  const present = values.filter((value) => value !== null);
  const { total, rows, nonNull } = summer.result();
  const expected = present.reduce((sum, value) => sum + value, 0n);
  if (total !== expected || rows !== values.length || nonNull !== present.length) {
    throw new Error(`the sum of ${rows} rows, ${nonNull} not null, is ${total}, not ${expected}`);
  }
}

function checkBounds(values: readonly (bigint | null)[], bounds: Bounds | undefined): void {
  const present = values.filter((value) => value !== null);
  const [first] = present;
  if (first === undefined) {
    if (bounds !== undefined) throw new Error('no values, but bounds');
    return;
  }
  let [least, greatest] = [first, first];
  for (const value of present) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  if (bounds?.least !== least || bounds.greatest !== greatest) {
    throw new Error(`${bounds?.least} to ${bounds?.greatest} instead of ${least} to ${greatest}`);
  }
}
