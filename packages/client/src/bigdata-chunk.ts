import { seededRandom } from './workload/random.js';

/** The size of the generated table. */
export interface BigdataShape {
  readonly batches: number;
  /** Rows per batch. */
  readonly rows: number;
}

/** How many consecutive values z has within a batch. */
const zSpan = 1000;

/**
 * Returns batch number `batch` (from 0) as a CSV file of `rows` rows:
 *
 * - x is always 1;
 * - y is the row's number within the batch, but the rows are shuffled by `seed`;
 * - z counts through the thousand values from 1000 × batch, again and again.
 *
 * 400 batches of 250,000 rows then sum to 100,000,000 in x and to 19,999,950,000,000 in z, and
 * their largest files have 3,888,895 bytes, as those of the course's own generator.
 */
export function bigdataChunk(batch: number, rows: number, seed: number): Uint8Array {
  const order = shuffled(rows, seed, batch);
  const bytes = new Uint8Array(header.length + rows * rowBytesMax);
  bytes.set(header);
  let end = header.length;
  for (const [row, y] of order.entries()) {
    bytes[end++] = newline;
    bytes[end++] = zero + 1;
    bytes[end++] = comma;
    end = writeDecimal(bytes, end, y);
    bytes[end++] = comma;
    end = writeDecimal(bytes, end, batch * zSpan + (row % zSpan));
  }
  return bytes.subarray(0, end);
}

/** Returns what the columns of all batches sum to, worked out without generating them. */
export function bigdataSums({ batches, rows }: BigdataShape): { x: bigint; y: bigint; z: bigint } {
  const [b, r, span] = [BigInt(batches), BigInt(rows), BigInt(zSpan)];
  const belowSum = (n: bigint) => (n * (n - 1n)) / 2n;
  const zWithinBatch = (r / span) * belowSum(span) + belowSum(r % span);
  return { x: b * r, y: b * belowSum(r), z: belowSum(b) * span * r + b * zWithinBatch };
}

const header = new TextEncoder().encode('x,y,z');
const newline = 0x0a;
const comma = 0x2c;
const zero = 0x30;
/** A newline, the 1, two commas, and two numbers of at most ten digits. */
const rowBytesMax = 24;

/** Fisher and Yates' shuffle of 0 to n - 1. */
function shuffled(n: number, seed: number, stream: number): Uint32Array {
  const random = seededRandom(seed, stream);
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const j = random(i + 1);
    order[i] = order[j] ?? 0;
    order[j] = i;
  }
  return order;
}

/** Writes a whole number from 0 and returns where it ends. A string per field costs several times more. */
function writeDecimal(bytes: Uint8Array, start: number, n: number): number {
  let end = start + 1;
  for (let rest = n; rest >= 10; rest = Math.floor(rest / 10)) end++;
  let rest = n;
  for (let at = end - 1; at >= start; at--) {
    bytes[at] = zero + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return end;
}
