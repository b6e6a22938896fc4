/** A source of random whole numbers: `random(n)` is from 0 to n - 1, each as likely. */
export type Random = (n: number) => number;

/**
 * Returns a source that gives the same numbers for the same `seed` and `stream`, and unrelated ones
 * for any other pair. Both are whole numbers below 2^32; `n` is at most 2^32.
 *
 * The generator is sfc32 of PractRand (https://pracrand.sourceforge.net): three words of state and
 * a counter, so a period of at least 2^32.
 */
export function seededRandom(seed: number, stream: number): Random {
  let a = seed | 0;
  let b = stream | 0;
  let c = 0;
  let counter = 1;
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  // The first words still show the seed; a dozen rounds mix it through the whole state.
  for (let round = 0; round < 12; round++) next();
  return (n) => Math.floor((next() / 2 ** 32) * n);
}
