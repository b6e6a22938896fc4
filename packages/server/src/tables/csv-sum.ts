import { CsvFault, CsvReader } from './csv-reader.js';
import { type ChunkLimits, readHeader, readRow } from './csv-scan.js';
import { parseInteger } from './csv-values.js';

/**
 * The exact sum of one column of a CSV file, by its place in the header; nulls add nothing.
 *
 * Throws CsvFault, with its line, for a value that is not an integer within int64.
 */
export function sumCsvColumn(fd: number, column: number, limits: ChunkLimits): bigint {
  const reader = new CsvReader(fd, limits.fieldBytesMax);
  const columns = readHeader(reader, limits).length;
  let total = 0n;
  // Small values are added as a double, which stays exact below 2^53; the total takes it over
  // before it can get there.
  let small = 0;

  function add(index: number): void {
    if (index !== column) return;
    const { bytes, start, end, quoted } = reader;
    if (start === end && !quoted) return;
    const value = parseInteger(bytes, start, end);
    if (value === undefined) throw notAnInteger(reader);
    if (typeof value === 'bigint') {
      total += value;
      return;
    }
    small += value;
    if (small > smallMax || small < -smallMax) {
      total += BigInt(small);
      small = 0;
    }
  }

  while (readRow(reader, columns, add));
  return total + BigInt(small);
}

/** One more value of 15 digits keeps a sum of this size below 2^53. */
const smallMax = Number.MAX_SAFE_INTEGER - 1_000_000_000_000_000;

function notAnInteger({ bytes, start, end, line }: CsvReader): CsvFault {
  const head = bytes.subarray(start, Math.min(end, start + 40));
  // Streaming: a character that the cut has halved is left out.
  const shown = new TextDecoder().decode(head, { stream: true });
  const text = JSON.stringify(end - start > 40 ? `${shown}…` : shown);
  return new CsvFault(line, undefined, `${text} is not an integer within int64`);
}
