import type { BatchColumn } from './arrow-ipc.js';
import { type ChunkLimits, readHeader, readRow } from './csv-faults.js';
import { type CsvPosition, CsvReader } from './csv-reader.js';

/** Rows of some columns of a CSV file, as texts. */
export interface CsvTexts {
  readonly rows: number;
  /** In the order that was asked for. */
  readonly texts: readonly TextColumn[];
  /** Where the next row begins. */
  readonly next: CsvPosition;
}

/**
 * Reads the columns at `places` of a CSV file as the texts that are written there, from a row on;
 * without a position, from the first.
 *
 * Reads up to `rowsMax` rows, and none more once their texts have `bytesMax` bytes. Throws CsvFault.
 */
export function readCsvTexts(
  fd: number,
  columns: number,
  places: readonly number[],
  from: CsvPosition | undefined,
  rowsMax: number,
  bytesMax: number,
  limits: ChunkLimits,
  throwIfStopped: () => void,
): CsvTexts {
  const reader = new CsvReader(fd, limits.fieldBytesMax, { from });
  if (from === undefined) readHeader(reader, limits);
  const texts = places.map(() => new TextColumn(rowsMax));
  const columnAt = new Map(places.map((place, i) => [place, texts[i]]));
  let rows = 0;
  let bytes = 0;
  const add = (column: number) => {
    bytes += columnAt.get(column)?.add(reader) ?? 0;
  };
  while (rows < rowsMax && bytes < bytesMax && readRow(reader, columns, limits, add)) {
    rows++;
    if (rows % rowsPerCheck === 0) throwIfStopped();
  }
  return { rows, texts, next: reader.nextRecord() };
}

const rowsPerCheck = 16_384;

/** A column of texts that grows. */
export class TextColumn {
  readonly #offsets: Int32Array;
  /** 1 for each row that is not null. */
  readonly #isValid: Uint8Array;
  #bytes = new Uint8Array(1024);
  #rows = 0;

  constructor(rowsMax: number) {
    this.#offsets = new Int32Array(rowsMax + 1);
    this.#isValid = new Uint8Array(rowsMax);
  }

  /** Adds the field that the reader has read, null if it is empty and not quoted; returns its bytes. */
  add({ bytes, start, end, quoted }: CsvReader): number {
    const from = this.#offsets[this.#rows] as number;
    const to = from + end - start;
    if (to > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(to, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, from));
      this.#bytes = larger;
    }
    // To copy a few bytes one by one is faster than to make an array of them.
    for (let i = start; i < end; i++) this.#bytes[from + i - start] = bytes[i] as number;
    this.#isValid[this.#rows++] = end > start || quoted ? 1 : 0;
    this.#offsets[this.#rows] = to;
    return end - start;
  }

  slice(from: number, rows: number): BatchColumn {
    const offsets = this.#offsets.subarray(from, from + rows + 1);
    const first = offsets[0] as number;
    const validity = new Uint8Array((rows + 7) >> 3);
    let nulls = rows;
    for (let i = 0; i < rows; i++) {
      if (this.#isValid[from + i] === 0) continue;
      validity[i >> 3] = (validity[i >> 3] as number) | (1 << (i & 7));
      nulls--;
    }
    return {
      nulls,
      validity: nulls === 0 ? undefined : validity,
      buffers: [offsets.map((at) => at - first), this.#bytes.subarray(first, offsets[rows])],
    };
  }
}
