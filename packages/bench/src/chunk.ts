/** The columns of a chunk. */
export const columns = ['x', 'y', 'z'] as const;
export type Column = (typeof columns)[number];

/** One CSV file and what its columns sum to. */
export interface Chunk {
  readonly csv: Uint8Array;
  readonly sums: Readonly<Record<Column, bigint>>;
}

export const rowsPerChunk = 250_000;

/**
 * Chunk number `batch` of the assignment's large table: x is 1, y is pseudo-random below 250,000,
 * z is batch × 1000 + row mod 1000.
 */
export function makeChunk(batch: number, rows = rowsPerChunk): Chunk {
  const lines = ['x,y,z'];
  const sums = { x: 0, y: 0, z: 0 };
  // Marsaglia's xorshift with 32 bits: the same file in every run. A zero seed would stay zero.
  let random = batch + 1;
  for (let row = 0; row < rows; row++) {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    const y = (random >>> 0) % rowsPerChunk;
    const z = batch * 1000 + (row % 1000);
    lines.push(`1,${y},${z}`);
    sums.x += 1;
    sums.y += y;
    sums.z += z;
  }
  return {
    csv: new TextEncoder().encode(`${lines.join('\n')}\n`),
    sums: { x: BigInt(sums.x), y: BigInt(sums.y), z: BigInt(sums.z) },
  };
}

/** The first `count` chunks: about 4 MB each. */
export const makeChunks = (count: number): readonly Chunk[] =>
  Array.from({ length: count }, (_, batch) => makeChunk(batch));
