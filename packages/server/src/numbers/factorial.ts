/**
 * Computes n! by the prime-swing algorithm (Peter Luschny, "Swing, divide and conquer the
 * factorial", 2008): n! = (n/2)!² · swing(n), where swing(n) is a product of primes.
 *
 * `n` is a whole number from 0 on; the caller limits it.
 */
export function factorial(n: number): bigint {
  if (n < 2) return 1n;
  return rising(n, primesUpTo(n));
}

function rising(n: number, primes: Uint32Array): bigint {
  if (n < 2) return 1n;
  const half = rising(Math.floor(n / 2), primes);
  return half * half * swing(n, primes);
}

/** n! / (floor(n/2)!)², from its prime factors (Legendre's formula taken modulo 2). */
function swing(n: number, primes: Uint32Array): bigint {
  const factors: bigint[] = [];
  for (const prime of primes) {
    if (prime > n) break;
    let power = 1;
    for (let q = Math.floor(n / prime); q > 0; q = Math.floor(q / prime)) {
      if (q % 2 === 1) power *= prime;
    }
    if (power > 1) factors.push(BigInt(power));
  }
  return product(factors, 0, factors.length);
}

// Halving keeps both factors of every multiplication the same length, which is what makes
// multiplying big numbers fast.
function product(factors: readonly bigint[], from: number, to: number): bigint {
  if (to - from > 2) {
    const middle = (from + to) >>> 1;
    return product(factors, from, middle) * product(factors, middle, to);
  }
  let result = 1n;
  for (let i = from; i < to; i++) result *= factors[i] ?? 1n;
  return result;
}

function primesUpTo(n: number): Uint32Array {
  const composite = new Uint8Array(n + 1);
  const primes: number[] = [];
  for (let i = 2; i <= n; i++) {
    if (composite[i]) continue;
    primes.push(i);
    for (let multiple = i * i; multiple <= n; multiple += i) composite[multiple] = 1;
  }
  return Uint32Array.from(primes);
}

/** The big-endian bytes of a non-negative integer; zero is one zero byte. */
export function toBigEndian(value: bigint): Uint8Array {
  const hex = value.toString(16);
  // Its own ArrayBuffer, not a slice of Node's shared pool: it is moved to another thread.
  const bytes = new Uint8Array(Math.ceil(hex.length / 2));
  bytes.set(Buffer.from(hex.padStart(bytes.length * 2, '0'), 'hex'));
  return bytes;
}

/** Any integer of as many bytes is exact as a double. */
const numberBytesMax = 6;

/** The non-negative integer that big-endian bytes stand for. */
export function fromBigEndian(bytes: Uint8Array): bigint {
  if (bytes.length <= numberBytesMax) {
    let value = 0;
    for (const byte of bytes) value = value * 256 + byte;
    return BigInt(value);
  }
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}
