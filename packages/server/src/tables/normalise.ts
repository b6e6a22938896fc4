import { closeSync, openSync, rmSync } from 'node:fs';
import { type ColumnType, isOfType } from '@tally/kernels';
import { type ChunkLimits, readHeader, readRow, tooLongRow, withColumnName } from './csv-faults.js';
import type { CsvForm } from './csv-form.js';
import { CsvFault, CsvReader } from './csv-reader.js';
import { notA } from './csv-sum.js';
import { type CsvWriter, createCsvWriter, type WrittenCsv } from './csv-writer.js';
import { kernels } from './kernel.js';
import { type Stop, throwIfStopped } from './stop.js';
import { type UnpackLimits, unpackFile } from './unpack.js';

/** A row that was left out. */
export interface RejectedRow {
  /** Of the file as it was sent, unpacked: where the row begins. */
  readonly line: number;
  readonly reason: string;
}

/** The file that is kept. */
export interface NormalisedCsv extends WrittenCsv {
  /** The declared type of each column, by its place in the header. */
  readonly types: readonly (ColumnType | undefined)[];
  readonly rejectedRowCount: number;
  /** The first of them. */
  readonly rejectedRows: readonly RejectedRow[];
}

/** A file as it was sent, and where it goes. */
export interface Normalisation {
  readonly form: CsvForm;
  readonly sentPath: string;
  /** For a file that is packed: made, and removed again. */
  readonly unpackedPath: string;
  /** Made by the normalisation. */
  readonly csvPath: string;
  readonly limits: ChunkLimits & UnpackLimits;
  readonly stop: Stop;
}

/**
 * Writes a CSV file of any form in Tally's own form, with the same values, in bounded memory.
 *
 * Throws CsvFault with a line of the file as it was sent, GzipFault and StoppedError.
 */
export async function normalise(task: Normalisation): Promise<NormalisedCsv> {
  const { form, sentPath, unpackedPath, csvPath, limits, stop } = task;
  if (!form.isGzip) return normaliseFile(sentPath, csvPath, task);
  try {
    await unpackFile(sentPath, unpackedPath, limits, stop);
    return normaliseFile(unpackedPath, csvPath, task);
  } finally {
    rmSync(unpackedPath, { force: true });
  }
}

function normaliseFile(from: string, to: string, task: Normalisation): NormalisedCsv {
  const source = openSync(from, 'r');
  const target = openSync(to, 'wx');
  try {
    return copyRows(source, createCsvWriter(target), task);
  } finally {
    closeSync(target);
    closeSync(source);
  }
}

function copyRows(
  fd: number,
  writer: CsvWriter,
  { form, limits, stop }: Normalisation,
): NormalisedCsv {
  const { fieldBytesMax, rowBytesMax } = limits;
  const newReader = () =>
    new CsvReader(fd, fieldBytesMax, { marks: form.marks, beforeRead: () => throwIfStopped(stop) });
  let reader = newReader();
  const names = form.hasHeader ? readHeader(reader, limits) : madeNames(reader, limits);
  // Its first row has values.
  if (!form.hasHeader) reader = newReader();
  const types = declaredTypes(form, names);
  for (const name of names) {
    const bytes = Buffer.from(name);
    writer.addField(bytes, 0, bytes.length);
  }
  writer.endRow();

  const isNull = nullTest(form.nullWords);
  const rejected = rejectedRows(form.rejectedRowsMax);
  const counted = form.hasHeader ? 'the header' : 'the first row';

  function addField(column: number): void {
    addValue(column);
    // Quotes can make it longer than it was.
    if (writer.rowBytes() > rowBytesMax) throw tooLongRow(reader.line, rowBytesMax);
  }

  function addValue(column: number): void {
    const { bytes, start, end, quoted, line } = reader;
    if (!quoted && isNull(bytes, start, end)) {
      writer.addNull();
      return;
    }
    const type = types[column];
    if (type !== undefined && type !== 'string') checkType(reader, column, type);
    if (writer.addField(bytes, start, end) > fieldBytesMax) {
      const reason =
        `the field is longer than ${fieldBytesMax} bytes as Tally keeps it, with quotes doubled ` +
        '(--field-bytes-max)';
      throw new CsvFault(line, column, reason);
    }
  }

  for (;;) {
    try {
      if (!readRow(reader, names.length, limits, addField, counted)) break;
      writer.endRow();
    } catch (error) {
      if (!(error instanceof CsvFault)) throw error;
      const fault = withColumnName(error, names);
      if (!form.skipsBadRows) throw fault;
      writer.dropRow();
      rejected.add(reader.recordLine, fault.reason);
      reader.skipRecord();
    }
  }
  return { ...writer.finish(), types, ...rejected.result() };
}

/** The names of the columns of a file without a header: as many as its first row has fields. */
function madeNames(reader: CsvReader, { chunkColumnsMax }: ChunkLimits): string[] {
  const names: string[] = [];
  while (reader.next()) {
    if (reader.lastInRecord && reader.blankLine) continue;
    if (names.length === chunkColumnsMax) {
      throw new CsvFault(
        reader.line,
        undefined,
        `the first row has more than ${chunkColumnsMax} fields (--chunk-columns-max)`,
      );
    }
    names.push(`column_${names.length + 1}`);
    if (reader.lastInRecord) return names;
  }
  throw new CsvFault(
    1,
    undefined,
    'the file is empty: without a header, its first row says how many columns it has',
  );
}

/** The types by the places of their columns. Throws CsvFault for a column that is not there. */
function declaredTypes(
  { types, hasHeader }: CsvForm,
  names: readonly string[],
): (ColumnType | undefined)[] {
  const declared = new Map(types);
  const missing = types.find(([name]) => !names.includes(name));
  if (missing === undefined) return names.map((name) => declared.get(name));
  const name = JSON.stringify(missing[0]);
  const there = hasHeader
    ? 'the header has no such column'
    : `columns are called ${names[0]} to ${names.at(-1)}`;
  throw new CsvFault(1, undefined, `a type is declared of the column ${name}, but ${there}`);
}

type CheckedType = Exclude<ColumnType, 'string'>;

const wanted: Readonly<Record<CheckedType, string>> = {
  long: 'an integer within int64',
  double: 'a double',
  boolean: 'true or false',
  date: 'a date such as 2026-11-23',
  timestamp: 'a timestamp such as 2026-11-23T10:30:00Z',
};

function checkType(reader: CsvReader, column: number, type: CheckedType): void {
  const { bytes, start, end } = reader;
  if (isOfType(kernels, type, bytes.subarray(start, end))) return;
  throw new CsvFault(reader.line, column, notA(wanted[type], reader).reason);
}

/** Whether an unquoted field is a null: an empty one, or one of these words. */
function nullTest(
  words: readonly string[],
): (bytes: Uint8Array, start: number, end: number) => boolean {
  const byLength = new Map<number, Buffer[]>();
  for (const word of words.map((text) => Buffer.from(text))) {
    byLength.set(word.length, [...(byLength.get(word.length) ?? []), word]);
  }
  return (bytes, start, end) => {
    if (start === end) return true;
    const candidates = byLength.get(end - start);
    if (candidates === undefined) return false;
    return candidates.some((word) => word.every((byte, i) => byte === bytes[start + i]));
  };
}

/** All reasons together have at most so many characters: the answer must fit in a message. */
const reasonsLengthMax = 1024 * 1024;

/** Counts rows that are left out, and keeps the first of them. */
function rejectedRows(max: number) {
  const rows: RejectedRow[] = [];
  let count = 0;
  let length = 0;
  return {
    add(line: number, reason: string): void {
      count++;
      // Of the first that does not fit, too: then no later one does.
      length += reason.length;
      if (rows.length < max && length <= reasonsLengthMax) rows.push({ line, reason });
    },
    result: () => ({ rejectedRowCount: count, rejectedRows: rows }),
  };
}
