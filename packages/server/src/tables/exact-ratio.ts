// A quotient of integers as a double, rounded once.

/**
 * The double nearest to `numerator / denominator`, ties to even, as IEEE 754 rounds: 0 and
 * infinities included. The denominator is above 0.
 */
export function nearestDouble(numerator: bigint, denominator: bigint): number {
  if (numerator === 0n) return 0;
  if (numerator < 0n) return -nearestDouble(-numerator, denominator);
  // The last bit that a double of this size has; subnormals have no smaller one than 2^-1074.
  const lastBit = Math.max(highestBit(numerator, denominator) - 52, -1074);
  if (lastBit > 971) return Infinity;
  const dividend = lastBit < 0 ? numerator << BigInt(-lastBit) : numerator;
  const divisor = lastBit > 0 ? denominator << BigInt(lastBit) : denominator;
  const significand = dividend / divisor;
  const twiceRest = 2n * (dividend % divisor);
  const isUp = twiceRest > divisor || (twiceRest === divisor && (significand & 1n) === 1n);
  // The bits of neighbours are neighbours: a carry goes on into the exponent, up to infinity.
  bits.setBigUint64(0, (BigInt(lastBit + 1074) << 52n) + significand + (isUp ? 1n : 0n));
  return bits.getFloat64(0);
}

const bits = new DataView(new ArrayBuffer(8));

/** The exponent of the highest bit of the quotient. */
function highestBit(numerator: bigint, denominator: bigint): number {
  const exponent = bitLength(numerator) - bitLength(denominator);
  const isReached =
    exponent < 0
      ? numerator << BigInt(-exponent) >= denominator
      : numerator >= denominator << BigInt(exponent);
  return isReached ? exponent : exponent - 1;
}

function bitLength(value: bigint): number {
  const digits = value.toString(16);
  return digits.length * 4 - Math.clz32(Number.parseInt(digits[0] ?? '0', 16)) + 28;
}
