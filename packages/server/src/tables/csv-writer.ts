import { writeSync } from 'node:fs';
import { crc32c } from '@node-rs/crc32';

/** What has been written, as it was before any disk had it. */
export interface WrittenCsv {
  readonly bytes: number;
  readonly crc32c: number;
}

/**
 * Writes a CSV file in Tally's own form, a row at a time: commas, double quotes where they are
 * needed, LF; a null is empty, an empty text is `""`.
 */
export interface CsvWriter {
  addNull(): void;
  /** Returns the bytes of the field in the file, without quotes around it. */
  addField(bytes: Uint8Array, start: number, end: number): number;
  /** The bytes of the row so far, with what is behind its last field. */
  rowBytes(): number;
  endRow(): void;
  /** Lets go what has been added since the last row. */
  dropRow(): void;
  /** Writes what is left. */
  finish(): WrittenCsv;
}

const comma = 0x2c;
const quote = 0x22;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
/** The first byte of a byte order mark. */
const markStart = 0xef;

/** How many bytes of whole rows are gathered for one write. */
const gatherBytes = 256 * 1024;

// One for each thread, which writes one file at a time: it grows for one long row only.
const threadBuffer = new Uint8Array(2 * gatherBytes);

/** Begins a file at the beginning of `fd`. */
export function createCsvWriter(fd: number): CsvWriter {
  let buffer = threadBuffer;
  let used = 0;
  let rowStart = 0;
  let isFirstField = true;
  let position = 0;
  let checksum = 0;

  function makeRoom(bytes: number): void {
    if (used + bytes <= buffer.length) return;
    const larger = new Uint8Array(Math.max(used + bytes, buffer.length * 2));
    larger.set(buffer.subarray(0, used));
    buffer = larger;
  }

  function beginField(bytes: number): void {
    // Each byte may be a quote; around them, two quotes, a comma and a line end.
    makeRoom(2 * bytes + 4);
    if (isFirstField) isFirstField = false;
    else buffer[used++] = comma;
  }

  function addQuoted(bytes: Uint8Array, start: number, end: number): number {
    let at = used;
    buffer[at++] = quote;
    for (let i = start; i < end; i++) {
      const byte = bytes[i] as number;
      if (byte === quote) buffer[at++] = quote;
      buffer[at++] = byte;
    }
    const written = at - used - 1;
    buffer[at++] = quote;
    used = at;
    return written;
  }

  function writeRows(): void {
    const bytes = buffer.subarray(0, used);
    checksum = crc32c(bytes, checksum);
    for (let written = 0; written < used; ) {
      written += writeSync(fd, bytes, written, used - written, position + written);
    }
    position += used;
    buffer = threadBuffer;
    used = 0;
    rowStart = 0;
  }

  return {
    addNull: () => beginField(0),
    addField(bytes, start, end) {
      beginField(end - start);
      // An empty one would be a null, and a byte order mark at the beginning of the file none.
      if (start === end || (bytes[start] === markStart && position + used === 0)) {
        return addQuoted(bytes, start, end);
      }
      let at = used;
      for (let i = start; i < end; i++) {
        const byte = bytes[i] as number;
        if (byte === comma || byte === quote || byte === lineFeed || byte === carriageReturn) {
          return addQuoted(bytes, start, end);
        }
        buffer[at++] = byte;
      }
      used = at;
      return end - start;
    },
    rowBytes: () => used - rowStart + 1,
    endRow() {
      buffer[used++] = lineFeed;
      rowStart = used;
      isFirstField = true;
      if (used >= gatherBytes) writeRows();
    },
    dropRow() {
      used = rowStart;
      isFirstField = true;
    },
    finish() {
      if (used > 0) writeRows();
      return { bytes: position, crc32c: checksum };
    },
  };
}
