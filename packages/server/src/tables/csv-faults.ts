import { CsvFault, CsvReader } from './csv-reader.js';

/** How much of a chunk is allowed, and how its row groups are bounded. */
export interface ChunkLimits {
  readonly chunkColumnsMax: number;
  readonly columnNameBytesMax: number;
  readonly fieldBytesMax: number;
  readonly rowBytesMax: number;
  readonly rowGroupRowsMax: number;
  readonly rowGroupBytesMax: number;
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
 * a row with more or fewer fields than the header, or what else was counted, or a longer one than is
 * allowed.
 */
export function readRow(
  reader: CsvReader,
  columns: number,
  { rowBytesMax }: ChunkLimits,
  onField: (column: number) => void,
  counted = 'the header',
): boolean {
  let rowBytes = 0;
  while (reader.next()) {
    const column = reader.fieldIndex;
    // Each field with the comma or line end behind it.
    rowBytes += reader.writtenBytes + 1;
    if (rowBytes > rowBytesMax) throw tooLongRow(reader.line, rowBytesMax);
    if (!reader.lastInRecord) {
      if (column + 1 === columns) throw raggedRow(reader.line, undefined, columns, counted);
      onField(column);
    } else if (column + 1 === columns) {
      onField(column);
      return true;
    } else if (reader.blankLine) {
      rowBytes = 0;
    } else {
      throw raggedRow(reader.line, column + 1, columns, counted);
    }
  }
  return false;
}

/** The fault of a row that is longer than is allowed. */
export function tooLongRow(line: number, bytesMax: number): CsvFault {
  const reason = `the row is longer than ${bytesMax} bytes (--row-bytes-max)`;
  return new CsvFault(line, undefined, reason);
}

function raggedRow(
  line: number,
  fields: number | undefined,
  columns: number,
  counted: string,
): CsvFault {
  const found = fields === undefined ? `more than ${columns}` : String(fields);
  const plural = fields === 1 ? 'field' : 'fields';
  return new CsvFault(
    line,
    undefined,
    `the row has ${found} ${plural}, but ${counted} has ${columns}: each row needs as many`,
  );
}

/**
 * The first fault of a CSV file that the kernel has refused: it is fast, but says only that there
 * is one. Throws what is wrong with the header, and an Error if there is no fault.
 */
export function findFault(fd: number, limits: ChunkLimits): CsvFault {
  const reader = new CsvReader(fd, limits.fieldBytesMax);
  const names = readHeader(reader, limits);
  try {
    while (readRow(reader, names.length, limits, () => {}));
  } catch (error) {
    if (error instanceof CsvFault) return withColumnName(error, names);
    throw error;
  }
  throw new Error('the kernel refused a CSV file in which the reader finds no fault');
}

/** The same fault, with its column's name. */
export function withColumnName(error: CsvFault, names: readonly string[]): CsvFault {
  if (error.fieldIndex === undefined) return error;
  const name = names[error.fieldIndex];
  const where = name === undefined ? `field ${error.fieldIndex + 1}` : JSON.stringify(name);
  return new CsvFault(error.line, undefined, `column ${where}: ${error.reason}`);
}
