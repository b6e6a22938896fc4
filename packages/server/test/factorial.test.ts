import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFactorials, type Factorials } from '../dist/numbers/factorials.js';
import { factorial, fromBigEndian, toBigEndian } from '../src/numbers/factorial.js';

function naiveFactorial(n: number): bigint {
  let product = 1n;
  for (let i = 2n; i <= n; i++) product *= i;
  return product;
}

/** n! modulo a number below 2³², by plain multiplication; for n ≤ 2²⁰ nothing is rounded. */
function factorialModulo(n: number, modulus: number): bigint {
  let product = 1;
  for (let i = 2; i <= n; i++) product = (product * i) % modulus;
  return BigInt(product);
}

/** The number of bits of n!, from Stirling's series; far from exact powers of two it is exact. */
function factorialBits(n: number): number {
  const ln = n * Math.log(n) - n + Math.log(2 * Math.PI * n) / 2 + 1 / (12 * n);
  return Math.floor(ln / Math.LN2) + 1;
}

function trailingZeroBits(bytes: Uint8Array): number {
  const last = bytes.findLastIndex((byte) => byte !== 0);
  const zeroBits = 31 - Math.clz32((bytes[last] ?? 0) & -(bytes[last] ?? 0));
  return (bytes.length - 1 - last) * 8 + zeroBits;
}

const onesIn = (n: number) => n.toString(2).replaceAll('0', '').length;

/** Primes between 2³¹ and 2³², so that no small factor of a factorial hides a fault. */
const bigPrimes = [2_147_483_659, 3_000_000_019, 4_294_967_291];

describe('factorial', () => {
  it('is the plain product for every n up to 300', () => {
    let product = 1n;
    for (let n = 0; n <= 300; n++) {
      if (n > 0) product *= BigInt(n);
      expect(factorial(n), `${n}!`).toBe(product);
    }
  });

  it.each([1023, 1024, 1025, 2000, 10_000])('is the plain product for %d', (n) => {
    expect(factorial(n) === naiveFactorial(n)).toBe(true);
  });

  // Wilson's theorem: (p - 1)! ≡ -1 (mod p) for every prime p.
  it.each([101, 7919, 104_729])('of one less than the prime %d is -1 modulo it', (prime) => {
    expect(factorial(prime - 1) % BigInt(prime)).toBe(BigInt(prime - 1));
  });
});

describe('big-endian bytes', () => {
  it.each([
    { value: 0n, bytes: [0] },
    { value: 1n, bytes: [1] },
    { value: 255n, bytes: [255] },
    { value: 256n, bytes: [1, 0] },
    { value: 0x0a_bc_de_f0n, bytes: [0x0a, 0xbc, 0xde, 0xf0] },
  ])('of $value are $bytes', ({ value, bytes }) => {
    expect([...toBigEndian(value)]).toEqual(bytes);
    expect(fromBigEndian(Uint8Array.from(bytes))).toBe(value);
  });

  it('of every non-negative integer stand for it, without a leading zero', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 1n << 600n }), (value) => {
        const bytes = toBigEndian(value);
        expect(fromBigEndian(bytes)).toBe(value);
        expect(bytes[0] === 0).toBe(value === 0n);
      }),
    );
  });

  it('that are any bytes come back, but for leading zeros', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const first = bytes.findIndex((byte) => byte !== 0);
        const expected = first < 0 ? [0] : [...bytes.subarray(first)];
        expect([...toBigEndian(fromBigEndian(bytes))]).toEqual(expected);
      }),
    );
  });

  it('own their memory, so that they can be moved to another thread', () => {
    const bytes = toBigEndian(factorial(20));
    expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
  });
});

describe('1,000,000! from the worker threads', () => {
  const n = 1_000_000;
  let factorials: Factorials;
  let bytes: Uint8Array;
  beforeAll(async () => {
    factorials = createFactorials(1);
    ({ bytes } = await factorials.compute(n));
  });
  afterAll(() => factorials.close());

  it('has the length that Stirling gives', () => {
    const bits = bytes.length * 8 - (Math.clz32(bytes[0] ?? 0) - 24);
    expect(bits).toBe(factorialBits(n));
  });

  it('ends in as many zero bits as n has factors of two', () => {
    expect(trailingZeroBits(bytes)).toBe(n - onesIn(n));
  });

  it('leaves the right remainders modulo big primes', () => {
    const value = fromBigEndian(bytes);
    for (const prime of bigPrimes) {
      expect(value % BigInt(prime), `modulo ${prime}`).toBe(factorialModulo(n, prime));
    }
  });
});
