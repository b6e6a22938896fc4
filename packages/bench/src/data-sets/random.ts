/** Whole numbers from 0 to n - 1, n at most 2^53; the same in every run. */
export type Random = (n: number) => number;

/** Marsaglia's xorshift with 32 bits, two draws for numbers past 2^32. */
export function randomFrom(seed: number): Random {
  // Consecutive seeds give similar first values: spread them out. A zero would stay zero.
  let state = Math.imul(seed + 1, 0x9e3779b1) || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return (n) => (n <= 2 ** 32 ? next() % n : ((next() % 2 ** 21) * 2 ** 32 + next()) % n);
}
