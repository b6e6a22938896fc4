import { instantiate, type KernelExports, type Kernels } from './kernels.js';

/** What a column of a CSV file holds, by its Delta Lake name where that has one. */
export type ColumnType = 'long' | 'double' | 'boolean' | 'date' | 'timestamp' | 'string';

/** By the bits of assembly/csv-rows.ts; the first that all values of a column can be is its type. */
const typeBits: readonly (readonly [ColumnType, number])[] = [
  ['long', 1],
  ['double', 2],
  ['boolean', 4],
  ['date', 8],
  ['timestamp', 16],
];
const stringBit = 32;

/** What bounds the rows of a file and of a row group. */
export interface RowLimits {
  /** Longest field, as written in the file. */
  readonly fieldBytesMax: number;
  /** Longest row, as written in the file. */
  readonly rowBytesMax: number;
  readonly rowGroupRowsMax: number;
  /** Most decoded bytes of a row group of more than one row. */
  readonly rowGroupBytesMax: number;
}

/** Why reading has ended: a fault of the file, or a value that is not of its column's type. */
export type RowsFault = 'fault' | 'contradiction';

/** The least and the greatest value of a column. */
export interface Bounds {
  readonly least: bigint;
  readonly greatest: bigint;
}

/** Texts as Arrow has them: where each begins and the last ends, and their bytes; copies. */
export interface GatheredTexts {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/**
 * Reads all columns of a CSV file: a scan finds their types, a conversion stores their values, a
 * row group at a time. It has memory of its own, of which only what is used is backed by real
 * memory, and does one thing at a time.
 */
export interface CsvRows {
  /** Where a file's raw bytes go, without the byte order mark. */
  readonly input: Uint8Array;
  beginScan(columns: number): void;
  /** The types of the columns, as far as the file was scanned; null for one without a value. */
  scannedTypes(): (ColumnType | null)[];
  /** Starts a file whose columns have these types; a column of type null must have no value. */
  beginConversion(types: readonly (ColumnType | null)[]): void;
  /**
   * Reads rows from `length` bytes of the input, from `offset` on, until the row group is full.
   *
   * Returns how many bytes were used: what is left belongs in front of the bytes that follow.
   * `isLast` says that none do. After a fault, begin anew.
   */
  read(offset: number, length: number, isLast: boolean): number | RowsFault;
  /** Whether the row group must be written before more is read. */
  isRowGroupFull(): boolean;
  rowGroupRows(): number;
  /** Nulls of a column in the row group. */
  nulls(column: number): number;
  /** One bit a row, least significant first: whether the column has a value. Valid until read. */
  validity(column: number): Uint8Array;
  /** Values of a long column, 0 for a null, until its pages are made. Valid until read. */
  longs(column: number): BigInt64Array;
  /** Values of a double column, or the bits of a boolean one. Valid until read. */
  doubles(column: number): Float64Array;
  booleans(column: number): Uint8Array;
  /** The texts of rows `[from, to)` of a string column. */
  texts(column: number, from: number, to: number): GatheredTexts;
  /**
   * The pages of a long, date or timestamp column, each valid until the next; returns the bounds,
   * or undefined if there is no value. The column's values are of no use after.
   */
  pages(column: number): Generator<Uint8Array, Bounds | undefined>;
  /** Starts the next row group. */
  beginRowGroup(): void;
}

/** Room behind each part of the memory: loads and stores of eight bytes may reach past its end. */
const paddingBytes = 64;
/** Bytes of a file that fit in behind the longest field. */
const pieceBytesMax = 1024 * 1024;

const align = (bytes: number) => Math.ceil(bytes / 64) * 64;

interface Column {
  readonly type: ColumnType | null;
  readonly values: number;
  readonly validity: number;
}

/** Makes an instance of the compiled module for files within `limits`. */
export function createCsvRows(module: WebAssembly.Module, limits: RowLimits): CsvRows {
  const { fieldBytesMax, rowBytesMax, rowGroupRowsMax, rowGroupBytesMax } = limits;
  const kernels = instantiate(module);
  const columnsMax = kernels.columnsMax();
  const inputBytes = align(pieceBytesMax + fieldBytesMax) + paddingBytes;
  // Values and texts of a row group, one row more, and room to gather the texts of one column.
  const groupBytes = align(rowGroupBytesMax + columnsMax * 4 * paddingBytes);
  const rowBytes = align(rowBytesMax) + paddingBytes;
  const gatherBytes = groupBytes + rowBytes + align(rowGroupRowsMax * 4) + paddingBytes;
  const address = reserve(kernels, inputBytes + groupBytes + rowBytes + gatherBytes);
  const group = address + inputBytes;
  const gathered = group + groupBytes + rowBytes;
  const { buffer } = kernels.memory;
  let columns: readonly Column[] = [];
  let scanned = 0;

  const columnOf = (index: number): Column => {
    const column = columns[index];
    if (column === undefined) throw new RangeError(`there is no column ${index}`);
    return column;
  };
  const checkColumns = (count: number) => {
    if (count >= 1 && count <= columnsMax) return;
    throw new RangeError(`the file has ${count} columns: 1 to ${columnsMax} are allowed`);
  };
  const validityBytes = () => (kernels.rowGroupRows() + 7) >> 3;

  return {
    input: new Uint8Array(buffer, address, inputBytes - paddingBytes),
    beginScan(count) {
      checkColumns(count);
      scanned = count;
      kernels.beginScan(address, count, fieldBytesMax, rowBytesMax);
    },
    scannedTypes: () =>
      Array.from({ length: scanned }, (_, column) => typeOf(kernels.scannedTypes(column))),
    beginConversion(types) {
      checkColumns(types.length);
      const rowsMax = rowsOf(types, limits);
      kernels.beginConversion(address, types.length, fieldBytesMax, rowBytesMax, rowsMax);
      let next = group;
      const take = (bytes: number) => {
        const taken = next;
        next += align(bytes);
        return taken;
      };
      columns = types.map((type, index) => {
        const isBits = type === null || type === 'boolean';
        const values = take(type === null ? 0 : isBits ? rowsMax / 8 + 1 : rowsMax * 8);
        const validity = take(type === null ? 0 : rowsMax / 8 + 1);
        kernels.setColumn(index, bitOf(type), values, validity);
        return { type, values, validity };
      });
      const valueBytes = Math.ceil((rowsMax * bitsOf(types)) / 8);
      const wanted = Math.max(0, rowGroupBytesMax - valueBytes);
      kernels.setTexts(next, wanted, wanted + rowBytes - paddingBytes);
      kernels.beginRowGroup();
    },
    read(offset, length, isLast) {
      const used = kernels.readRows(offset, length, Number(isLast));
      if (used >= 0) return used;
      return used === contradiction ? 'contradiction' : 'fault';
    },
    isRowGroupFull: () => kernels.isRowGroupFull() !== 0,
    rowGroupRows: () => kernels.rowGroupRows(),
    nulls: (column) => kernels.rowGroupNulls(column),
    validity: (column) => new Uint8Array(buffer, columnOf(column).validity, validityBytes()),
    longs: (column) => new BigInt64Array(buffer, columnOf(column).values, kernels.rowGroupRows()),
    doubles: (column) => new Float64Array(buffer, columnOf(column).values, kernels.rowGroupRows()),
    booleans: (column) => new Uint8Array(buffer, columnOf(column).values, validityBytes()),
    texts(column, from, to) {
      const offsetBytes = (to - from + 1) * 4;
      const textsAt = gathered + align(offsetBytes);
      const bytes = kernels.gatherTexts(column, from, to, gathered, textsAt);
      return {
        offsets: new Int32Array(buffer.slice(gathered, gathered + offsetBytes)),
        bytes: new Uint8Array(buffer.slice(textsAt, textsAt + bytes)),
      };
    },
    *pages(column) {
      const rows = kernels.rowGroupRows();
      const pageRows = kernels.pageRowsMax();
      for (let from = 0; from < rows; from += pageRows) {
        const bytes = kernels.encodePage(column, from, Math.min(rows, from + pageRows));
        yield new Uint8Array(buffer, kernels.pageAddress(), bytes);
      }
      if (kernels.rowGroupNulls(column) === rows) return undefined;
      return { least: kernels.leastValue(), greatest: kernels.greatestValue() };
    },
    beginRowGroup: () => kernels.beginRowGroup(),
  };
}

/** The number of assembly/faults.ts. */
const contradiction = -4;

/** Adds memory and returns its address. */
function reserve({ memory }: KernelExports, bytes: number): number {
  const pageBytes = 65_536;
  const address = memory.grow(Math.ceil(bytes / pageBytes) + 1) * pageBytes;
  // Address 0 of the reserved part is not used: nothing begins where a text of no bytes could.
  return address + 64;
}

/**
 * Whether a text is a value of a type, as a conversion reads it: one that the input of `kernels` has
 * no room for is none.
 */
export function isOfType(kernels: Kernels, type: ColumnType, text: Uint8Array): boolean {
  if (text.length > kernels.input.length) return false;
  kernels.input.set(text);
  return kernels.exports.isOfType(bitOf(type), text.length) !== 0;
}

function bitOf(type: ColumnType | null): number {
  if (type === null) return 0;
  return typeBits.find(([name]) => name === type)?.[1] ?? stringBit;
}

function typeOf(bits: number): ColumnType | null {
  if (bits < 0) return null;
  return typeBits.find(([, bit]) => bits & bit)?.[0] ?? 'string';
}

/** Bits of a row's values; of a text, those of its address and length. */
function bitsOf(types: readonly (ColumnType | null)[]): number {
  let bits = 1;
  for (const type of types) if (type !== null) bits += type === 'boolean' ? 2 : 65;
  return bits;
}

/** Bytes of texts for which room is kept in each row and column. */
const textBytesKept = 16;

/** Rows of a row group, so that their values, and some texts, fit in. */
function rowsOf(types: readonly (ColumnType | null)[], limits: RowLimits): number {
  const texts = types.filter((type) => type === 'string').length;
  const bits = bitsOf(types) + texts * textBytesKept * 8;
  const rows = Math.floor((limits.rowGroupBytesMax * 8) / bits);
  return Math.max(1, Math.min(limits.rowGroupRowsMax, rows));
}
