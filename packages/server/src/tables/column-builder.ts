import {
  Bool,
  type Data,
  type DataType,
  DateDay,
  Float64,
  Int64,
  makeData,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow';
import type { CsvReader } from './csv-reader.js';
import {
  type ColumnType,
  parseInteger,
  readBoolean,
  readDate,
  readDouble,
  readTimestamp,
} from './csv-values.js';

/** Gathers the values of one column of a row group; its buffers are reused for the next one. */
export interface ColumnBuilder {
  /** Appends the reader's field as row `row`; an unquoted empty field is null. */
  append(row: number, reader: CsvReader): void;
  /** The `rows` values gathered, valid until the next append; starts anew. */
  finish(rows: number): Data;
}

/** The Arrow type that a column type is written as. */
export function arrowType(type: ColumnType): DataType {
  switch (type) {
    case 'long':
      return new Int64();
    case 'double':
      return new Float64();
    case 'boolean':
      return new Bool();
    case 'date':
      return new DateDay();
    case 'timestamp':
      return new TimestampMicrosecond('UTC');
    case 'string':
      return new Utf8();
  }
}

/** A builder for row groups of at most `rowsMax` rows. */
export function createColumnBuilder(type: ColumnType, rowsMax: number): ColumnBuilder {
  return type === 'string' ? textBuilder(rowsMax) : fixedWidthBuilder(type, rowsMax);
}

/** Which rows are null, as Arrow's validity bitmap (least significant bit first). */
function createValidity(rowsMax: number) {
  const bitmap = new Uint8Array((rowsMax + 7) >> 3);
  let nulls = 0;
  return {
    setValid(row: number) {
      const byte = row >> 3;
      bitmap[byte] = (bitmap[byte] ?? 0) | (1 << (row & 7));
    },
    addNull: () => nulls++,
    finish(rows: number) {
      const result = { nullCount: nulls, nullBitmap: bitmap.slice(0, (rows + 7) >> 3) };
      bitmap.fill(0);
      nulls = 0;
      return result;
    },
  };
}

type FixedWidth = Exclude<ColumnType, 'string'>;

function fixedWidthBuilder(type: FixedWidth, rowsMax: number): ColumnBuilder {
  const validity = createValidity(rowsMax);
  const values = fixedWidthValues(type, rowsMax);
  return {
    append(row, reader) {
      if (reader.start === reader.end) return void validity.addNull();
      validity.setValid(row);
      values.store(row, reader);
    },
    finish: (rows) => values.finish({ length: rows, ...validity.finish(rows) }),
  };
}

interface Finished {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array;
}

interface FixedWidthValues {
  store(row: number, field: CsvReader): void;
  finish(finished: Finished): Data;
}

function fixedWidthValues(type: FixedWidth, rowsMax: number): FixedWidthValues {
  switch (type) {
    case 'long': {
      const data = new BigInt64Array(rowsMax);
      // A bigint for each value would be garbage: a number goes in by halves, little-endian as
      // everywhere in Arrow.
      const halves = new Int32Array(data.buffer);
      return {
        store(row, { bytes, start, end }) {
          const value = parseInteger(bytes, start, end) ?? 0;
          if (typeof value === 'bigint') {
            data[row] = value;
          } else {
            halves[2 * row] = value | 0;
            halves[2 * row + 1] = Math.floor(value / 0x1_0000_0000);
          }
        },
        finish: (finished) => makeData({ type: new Int64(), data, ...finished }),
      };
    }
    case 'double': {
      const data = new Float64Array(rowsMax);
      return {
        store(row, { bytes, start, end }) {
          data[row] = readDouble(bytes, start, end);
        },
        finish: (finished) => makeData({ type: new Float64(), data, ...finished }),
      };
    }
    case 'boolean': {
      const data = new Uint8Array((rowsMax + 7) >> 3);
      return {
        store(row, { bytes, start, end }) {
          const bit = 1 << (row & 7);
          const others = (data[row >> 3] ?? 0) & ~bit;
          data[row >> 3] = readBoolean(bytes, start, end) ? others | bit : others;
        },
        finish: (finished) => makeData({ type: new Bool(), data, ...finished }),
      };
    }
    case 'date': {
      const data = new Int32Array(rowsMax);
      return {
        store(row, { bytes, start, end }) {
          data[row] = readDate(bytes, start, end);
        },
        finish: (finished) => makeData({ type: new DateDay(), data, ...finished }),
      };
    }
    case 'timestamp': {
      const data = new BigInt64Array(rowsMax);
      const arrow = new TimestampMicrosecond('UTC');
      return {
        store(row, { bytes, start, end }) {
          data[row] = readTimestamp(bytes, start, end);
        },
        finish: (finished) => makeData({ type: arrow, data, ...finished }),
      };
    }
  }
}

function textBuilder(rowsMax: number): ColumnBuilder {
  const validity = createValidity(rowsMax);
  const valueOffsets = new Int32Array(rowsMax + 1);
  // Small at first: a chunk may have thousands of columns.
  let data = new Uint8Array(1024);
  let used = 0;
  return {
    append(row, { bytes, start, end, quoted }) {
      if (start === end && !quoted) validity.addNull();
      else validity.setValid(row);
      const length = end - start;
      if (used + length > data.length) {
        const larger = new Uint8Array(Math.max(data.length * 2, used + length));
        larger.set(data.subarray(0, used));
        data = larger;
      }
      data.set(bytes.subarray(start, end), used);
      used += length;
      valueOffsets[row + 1] = used;
    },
    finish(rows) {
      const bytesUsed = used;
      used = 0;
      return makeData({
        type: new Utf8(),
        length: rows,
        valueOffsets: valueOffsets.subarray(0, rows + 1),
        data: data.subarray(0, bytesUsed),
        ...validity.finish(rows),
      });
    },
  };
}
