import { CsvFault, CsvReader } from './csv-reader.js';
import { allTypeBits, type ColumnType, typeBits, typesOf } from './csv-values.js';

/** How much of a chunk is allowed, and how its row groups are bounded. */
export interface ChunkLimits {
  readonly chunkColumnsMax: number;
  readonly columnNameBytesMax: number;
  readonly fieldBytesMax: number;
  readonly rowGroupRowsMax: number;
  readonly rowGroupBytesMax: number;
}

/** A column of one chunk: its name to clients, and its type; null if it has no value at all. */
export interface ScannedColumn {
  readonly name: string;
  readonly type: ColumnType | null;
}

/** What one pass over a CSV file tells. */
export interface ScannedChunk {
  /** In the order of the header. */
  readonly columns: readonly ScannedColumn[];
  readonly rows: number;
  /** Rows of each Parquet row group, so that none holds too many rows or decoded bytes. */
  readonly rowGroupRows: number;
}

/** Rows over which the sizes of texts are added up, to bound what a row group can hold. */
const windowRows = 1024;

interface ColumnState {
  types: number;
  values: number;
  longestBytes: number;
  windowBytes: number;
  largestWindowBytes: number;
}

/**
 * Reads the header of a CSV file: the column names, made unique and never empty.
 *
 * An empty name becomes `column_<n>`, n counting from 1. Throws CsvFault for a file without a
 * header, a true duplicate, too many columns or too long a name.
 */
export function readHeader(reader: CsvReader, limits: ChunkLimits): string[] {
  const names = readHeaderFields(reader, limits);
  const taken = new Map<string, number>();
  for (const [index, name] of names.entries()) {
    if (name === '') continue;
    const first = taken.get(name);
    if (first !== undefined) {
      throw new CsvFault(
        reader.line,
        undefined,
        `the header has the column ${JSON.stringify(name)} twice (fields ${first + 1} and ` +
          `${index + 1}): each name may stand once`,
      );
    }
    taken.set(name, index);
  }
  return names.map((name, index) => {
    if (name !== '') return name;
    let made = `column_${index + 1}`;
    while (taken.has(made)) made += '_';
    taken.set(made, index);
    return made;
  });
}

function readHeaderFields(reader: CsvReader, limits: ChunkLimits): string[] {
  const names: string[] = [];
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  while (reader.next()) {
    if (reader.lastInRecord && reader.blankLine) continue;
    const bytes = reader.end - reader.start;
    if (names.length === limits.chunkColumnsMax) {
      throw new CsvFault(
        reader.line,
        undefined,
        `the header has more than ${limits.chunkColumnsMax} columns (--chunk-columns-max)`,
      );
    }
    if (bytes > limits.columnNameBytesMax) {
      throw new CsvFault(
        reader.line,
        reader.fieldIndex,
        `the column name has ${bytes} bytes: at most ${limits.columnNameBytesMax} are allowed ` +
          '(--column-name-bytes-max)',
      );
    }
    names.push(decoder.decode(reader.bytes.subarray(reader.start, reader.end)));
    if (reader.lastInRecord) return names;
  }
  throw new CsvFault(1, undefined, 'the file is empty: a CSV file begins with a header line');
}

/**
 * Reads the next row after the header, field by field; false at the end of the file.
 *
 * A blank line is a null row in a file of one column, and no row otherwise. Throws CsvFault for
 * a row with more or fewer fields than the header.
 */
export function readRow(
  reader: CsvReader,
  columns: number,
  onField: (column: number) => void,
): boolean {
  while (reader.next()) {
    const column = reader.fieldIndex;
    if (!reader.lastInRecord) {
      if (column + 1 === columns) throw raggedRow(reader.line, undefined, columns);
      onField(column);
    } else if (column + 1 === columns) {
      onField(column);
      return true;
    } else if (!reader.blankLine) {
      throw raggedRow(reader.line, column + 1, columns);
    }
  }
  return false;
}

function raggedRow(line: number, fields: number | undefined, columns: number): CsvFault {
  const found = fields === undefined ? `more than ${columns}` : String(fields);
  const plural = fields === 1 ? 'field' : 'fields';
  return new CsvFault(
    line,
    undefined,
    `the row has ${found} ${plural}, but the header has ${columns}: each row needs as many`,
  );
}

/** Scans a CSV file once, for faults, types and sizes, in constant memory. Throws CsvFault. */
export function scanCsv(fd: number, limits: ChunkLimits): ScannedChunk {
  const reader = new CsvReader(fd, limits.fieldBytesMax);
  const names = readHeader(reader, limits);
  const states = names.map(
    (): ColumnState => ({
      types: allTypeBits,
      values: 0,
      longestBytes: 0,
      windowBytes: 0,
      largestWindowBytes: 0,
    }),
  );
  let rows = 0;
  try {
    while (readRow(reader, names.length, (column) => note(states[column] as ColumnState, reader))) {
      if (++rows % windowRows === 0) for (const state of states) endWindow(state);
    }
  } catch (error) {
    throw withColumnName(error, names);
  }
  for (const state of states) endWindow(state);
  const columns = names.map((name, i) => ({ name, type: typeOf(states[i] as ColumnState) }));
  return { columns, rows, rowGroupRows: rowGroupRowsOf(columns, states, limits) };
}

function note(state: ColumnState, reader: CsvReader): void {
  const { bytes, start, end } = reader;
  const length = end - start;
  if (length === 0 && !reader.quoted) return;
  state.values++;
  if (state.types !== 0) state.types &= typesOf(bytes, start, end);
  if (length > state.longestBytes) state.longestBytes = length;
  state.windowBytes += length;
}

function endWindow(state: ColumnState): void {
  state.largestWindowBytes = Math.max(state.largestWindowBytes, state.windowBytes);
  state.windowBytes = 0;
}

function typeOf({ types, values }: ColumnState): ColumnType | null {
  if (values === 0) return null;
  for (const [type, bit] of Object.entries(typeBits)) if (types & bit) return type as ColumnType;
  return 'string';
}

/** Bytes of one decoded value; a text's are these (its offset) and its own. */
const decodedBytes: Readonly<Record<ColumnType, number>> = {
  long: 8,
  double: 8,
  boolean: 1,
  date: 4,
  timestamp: 8,
  string: 4,
};

// A row group holds no more than its rows times the largest row, and no more than the windows
// it touches (one more than it fills) times the largest window: the looser bound is used.
function rowGroupRowsOf(
  columns: readonly ScannedColumn[],
  states: readonly ColumnState[],
  limits: ChunkLimits,
): number {
  let rowBytes = 1;
  let windowBytes = 1;
  for (const [i, { type }] of columns.entries()) {
    if (type === null) continue;
    const state = states[i] as ColumnState;
    rowBytes += decodedBytes[type] + (type === 'string' ? state.longestBytes : 0);
    windowBytes +=
      decodedBytes[type] * windowRows + (type === 'string' ? state.largestWindowBytes : 0);
  }
  const byRow = Math.floor(limits.rowGroupBytesMax / rowBytes);
  const byWindow = (Math.floor(limits.rowGroupBytesMax / windowBytes) - 1) * windowRows;
  return Math.max(1, Math.min(limits.rowGroupRowsMax, Math.max(byRow, byWindow)));
}

function withColumnName(error: unknown, names: readonly string[]): unknown {
  if (!(error instanceof CsvFault) || error.fieldIndex === undefined) return error;
  const name = names[error.fieldIndex];
  const where = name === undefined ? `field ${error.fieldIndex + 1}` : JSON.stringify(name);
  return new CsvFault(error.line, undefined, `column ${where}: ${error.reason}`);
}
