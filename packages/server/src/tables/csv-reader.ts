import { isUtf8 } from 'node:buffer';
import { readSync } from 'node:fs';

/** What is wrong with a CSV file, and where. */
export class CsvFault extends Error {
  /**
   * `line` counts from 1; `fieldIndex` counts from 0 within the record, and is undefined when
   * the fault is the whole line's; `reason` is the rest of the sentence.
   */
  constructor(
    readonly line: number,
    readonly fieldIndex: number | undefined,
    readonly reason: string,
  ) {
    super(`line ${line}${fieldIndex === undefined ? '' : `, field ${fieldIndex + 1}`}: ${reason}`);
  }
}

/** Where a record begins in a file. */
export interface CsvPosition {
  readonly offset: number;
  /** Counts from 1. */
  readonly line: number;
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** The bytes, of ASCII, between fields and around them. */
export interface CsvMarks {
  readonly delimiter: number;
  readonly quote: number;
}

/** Those of Tally's own files. */
export const tallyMarks: CsvMarks = { delimiter: 0x2c, quote: 0x22 };

/** How a file is read, where not from its beginning, with Tally's own marks. */
export interface CsvReading {
  readonly marks?: CsvMarks;
  /** A record that `nextRecord` has given. */
  readonly from?: CsvPosition | undefined;
  /** Called before each read of the file. */
  readonly beforeRead?: () => void;
}

// One buffer for each thread: a thread reads one file at a time, and a new buffer for each file
// would be garbage that the collector lets pile up.
const threadBuffer = new Uint8Array(256 * 1024);

/**
 * Reads a CSV file field by field, in the memory of one field (RFC 4180, and what real files do).
 *
 * Fields are separated by commas; a field that begins with `"` ends at the next single `"`, and
 * `""` in it stands for one quote; other marks than these two can be given. Lines end with LF, CRLF
 * or CR. A byte order mark is skipped. A quote within an unquoted field is an ordinary character.
 *
 * After `next()` has returned true, the public properties describe the field it has read; they
 * hold until the next call. A thread has one reader in use at a time. Throws CsvFault.
 */
export class CsvReader {
  /** Holds the field's value from `start` to `end`, without its quotes. */
  bytes: Uint8Array = threadBuffer;
  start = 0;
  end = 0;
  /** Whether the field was written in quotes: `""` is an empty text, nothing is null. */
  quoted = false;
  /** The field's length in the file, with its quotes. */
  writtenBytes = 0;
  /** The line on which the field begins, from 1. */
  line = 1;
  /** The field's place in its record, from 0. */
  fieldIndex = -1;
  lastInRecord = true;
  /** The line on which the record begins. */
  recordLine = 1;

  readonly #fd: number;
  readonly #fieldBytesMax: number;
  readonly #delimiter: number;
  readonly #quote: number;
  readonly #beforeRead: () => void;
  #position = 0;
  #limit = 0;
  #fileOffset = 0;
  #endOfFile = false;
  #currentLine = 1;
  #afterCarriageReturn = false;
  /** Where the field begins in the file. */
  #fieldOffset = 0;
  /** Whether `next` has thrown. */
  #isBroken = false;

  constructor(
    fd: number,
    fieldBytesMax: number,
    { marks = tallyMarks, from, beforeRead = () => {} }: CsvReading = {},
  ) {
    this.#fd = fd;
    this.#fieldBytesMax = fieldBytesMax;
    this.#delimiter = marks.delimiter;
    this.#quote = marks.quote;
    this.#beforeRead = beforeRead;
    this.#fileOffset = from?.offset ?? 0;
    this.#currentLine = from?.line ?? 1;
    this.#fill(0);
    if (from !== undefined) return;
    const [a, b, c] = this.bytes;
    if (this.#limit >= 3 && a === 0xef && b === 0xbb && c === 0xbf) this.#position = 3;
  }

  /** Whether the end of the file, as it is now, has been met. */
  get isAtEnd(): boolean {
    return this.#endOfFile;
  }

  /** Where the next record begins, once the last field of one has been read; it holds no more then. */
  nextRecord(): CsvPosition {
    if (this.#afterCarriageReturn) this.#skipLineFeed();
    const offset = this.#fileOffset - (this.#limit - this.#position);
    return { offset, line: this.#currentLine };
  }

  /** Whether the record is a line with nothing on it; valid at the record's last field. */
  get blankLine(): boolean {
    return this.fieldIndex === 0 && this.start === this.end && !this.quoted;
  }

  /** Reads the next field; false at the end of the file. */
  next(): boolean {
    if (this.#afterCarriageReturn) this.#skipLineFeed();
    if (this.#position === this.#limit) this.#fill(this.#position);
    const atEnd = this.#position === this.#limit;
    if (atEnd && this.lastInRecord) return false;
    this.line = this.#currentLine;
    if (this.lastInRecord) this.recordLine = this.line;
    this.fieldIndex = this.lastInRecord ? 0 : this.fieldIndex + 1;
    this.#fieldOffset = this.#fileOffset - this.#limit + this.#position;
    this.#isBroken = true;
    if (!atEnd && this.bytes[this.#position] === this.#quote) this.#readQuoted();
    else this.#readUnquoted();
    this.#isBroken = false;
    return true;
  }

  /**
   * Goes on behind the record, also after `next` has thrown, in bounded memory.
   *
   * Where a quote is not closed, or text follows it, the record ends with the line on which that
   * field begins: a quote too many must not take the rows that follow with it.
   */
  skipRecord(): void {
    for (;;) {
      if (this.#isBroken) this.#skipField();
      if (this.lastInRecord) return;
      try {
        this.next();
      } catch (error) {
        if (!(error instanceof CsvFault)) throw error;
      }
    }
  }

  #skipField(): void {
    this.#isBroken = false;
    this.#seekField();
    if (this.bytes[this.#position] === this.#quote && !this.#skipQuoted()) {
      this.#seekField();
      this.#skipTo(lineFeed);
    } else {
      this.#skipTo(this.#delimiter);
    }
    this.#stepOver(this.#position);
  }

  /** Goes back to where the field begins. */
  #seekField(): void {
    this.#currentLine = this.line;
    const offset = this.#fieldOffset - (this.#fileOffset - this.#limit);
    if (offset >= 0) {
      this.#position = offset;
    } else {
      this.#fileOffset = this.#fieldOffset;
      this.#limit = 0;
      this.#endOfFile = false;
      this.#fill(0);
    }
  }

  /** Goes to the next mark or line end, and to the end of the file if there is none. */
  #skipTo(mark: number): void {
    do {
      const { bytes } = this;
      const limit = this.#limit;
      for (; this.#position < limit; this.#position++) {
        const byte = bytes[this.#position];
        if (byte === mark || byte === lineFeed || byte === carriageReturn) return;
      }
    } while (this.#fillAnew());
  }

  /** Goes behind the closing quote; false if there is none, or none that ends a field. */
  #skipQuoted(): boolean {
    this.#position++;
    let before = this.#quote;
    do {
      for (; this.#position < this.#limit; this.#position++) {
        const byte = this.bytes[this.#position] as number;
        if (byte === this.#quote) {
          this.#position++;
          if (this.#position === this.#limit && !this.#fillAnew()) return true;
          const next = this.bytes[this.#position];
          if (next === this.#delimiter || next === lineFeed || next === carriageReturn) return true;
          if (next !== this.#quote) return false;
        } else if (byte === carriageReturn || (byte === lineFeed && before !== carriageReturn)) {
          this.#currentLine++;
        }
        before = byte;
      }
    } while (this.#fillAnew());
    return false;
  }

  /** Reads on without what has been read; false at the end of the file. */
  #fillAnew(): boolean {
    this.#fill(this.#limit);
    return this.#limit > 0;
  }

  #readUnquoted(): void {
    let start = this.#position;
    let position = start;
    let seen = 0;
    const delimiter = this.#delimiter;
    for (;;) {
      const { bytes } = this;
      const limit = this.#limit;
      for (; position < limit; position++) {
        const byte = bytes[position] as number;
        if (byte === delimiter || byte === lineFeed || byte === carriageReturn) break;
        seen |= byte;
      }
      if (position < limit || this.#endOfFile) break;
      const length = position - start;
      this.#fill(start);
      start = 0;
      position = length;
    }
    this.start = start;
    this.end = position;
    this.quoted = false;
    this.#endField(position, seen);
  }

  #readQuoted(): void {
    let start = this.#position + 1;
    let position = start;
    let seen = 0;
    let escapes = 0;
    const quote = this.#quote;
    for (;;) {
      if (position === this.#limit) {
        const length = position - start;
        this.#fill(start);
        start = 0;
        position = length;
        if (position === this.#limit) throw this.#fault('the quote that opens here is not closed');
      }
      const byte = this.bytes[position] as number;
      if (byte === quote) {
        if (position + 1 === this.#limit && !this.#endOfFile) {
          const length = position - start;
          this.#fill(start);
          start = 0;
          position = length;
        }
        if (position + 1 === this.#limit || this.bytes[position + 1] !== quote) break;
        escapes++;
        position++;
      } else if (
        byte === carriageReturn ||
        (byte === lineFeed && this.bytes[position - 1] !== carriageReturn)
      ) {
        this.#currentLine++;
      }
      seen |= byte;
      position++;
    }
    this.start = start;
    this.end = position;
    this.quoted = true;
    this.#endField(position + 1, seen);
    if (escapes > 0) this.#unescape();
  }

  /** Checks the field and steps over the separator at `position`. */
  #endField(position: number, seen: number): void {
    if (this.end - this.start > this.#fieldBytesMax) throw this.#tooLong();
    if (seen > 0x7f && !isUtf8(this.bytes.subarray(this.start, this.end))) {
      throw this.#fault('the field is not valid UTF-8');
    }
    this.writtenBytes = position - this.start + (this.quoted ? 1 : 0);
    if (!this.#stepOver(position)) {
      const quotes = String.fromCharCode(this.#quote).repeat(2);
      throw this.#fault(
        `text follows the closing quote; a quote within quotes is written ${quotes}`,
      );
    }
  }

  /** Steps over the separator at `position`; false if there is something else. */
  #stepOver(position: number): boolean {
    const separator = position < this.#limit ? this.bytes[position] : undefined;
    this.#position = separator === undefined ? position : position + 1;
    this.lastInRecord = separator !== this.#delimiter;
    const isLineEnd = separator === lineFeed || separator === carriageReturn;
    if (isLineEnd) {
      this.#currentLine++;
      this.#afterCarriageReturn = separator === carriageReturn;
    }
    return isLineEnd || separator === this.#delimiter || separator === undefined;
  }

  #skipLineFeed(): void {
    this.#afterCarriageReturn = false;
    if (this.#position === this.#limit) this.#fill(this.#position);
    if (this.#position < this.#limit && this.bytes[this.#position] === lineFeed) this.#position++;
  }

  #unescape(): void {
    const { bytes, end } = this;
    const quote = this.#quote;
    let to = this.start;
    for (let from = this.start; from < end; from++) {
      bytes[to++] = bytes[from] as number;
      if (bytes[from] === quote) from++;
    }
    this.end = to;
  }

  /** Moves what begins at `keep` to the front of the buffer and reads more behind it. */
  #fill(keep: number): void {
    const kept = this.#limit - keep;
    // Room for the quotes around a field and the byte after it.
    if (kept > this.#fieldBytesMax + 3) throw this.#tooLong();
    if (keep > 0) this.bytes.copyWithin(0, keep, this.#limit);
    if (kept * 2 > this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes.subarray(0, kept));
      this.bytes = larger;
    }
    this.#position = 0;
    this.#limit = kept;
    this.#beforeRead();
    const read = readSync(this.#fd, this.bytes, kept, this.bytes.length - kept, this.#fileOffset);
    this.#fileOffset += read;
    this.#limit += read;
    if (read === 0) this.#endOfFile = true;
  }

  #tooLong(): CsvFault {
    return this.#fault(`the field is longer than ${this.#fieldBytesMax} bytes (--field-bytes-max)`);
  }

  #fault(reason: string): CsvFault {
    return new CsvFault(this.line, this.fieldIndex, reason);
  }
}
