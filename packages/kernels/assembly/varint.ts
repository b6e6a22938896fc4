// Unsigned LEB128 numbers, and zigzag numbers in them.

/** Where the last number ended; 0 if it did not end before the limit, or was longer than 64 bits. */
export let varintEnd: usize = 0;

export function readUnsigned(from: usize, to: usize): u64 {
  let value: u64 = 0;
  let at = from;
  varintEnd = 0;
  for (let shift = 0; shift < 64; shift += 7) {
    if (at >= to) return 0;
    const byte = <u64>load<u8>(at++);
    // The tenth byte has room for one more bit.
    if (shift == 63 && byte > 1) return 0;
    value |= (byte & 127) << shift;
    if (byte < 128) {
      varintEnd = at;
      return value;
    }
  }
  return 0;
}

export function readZigzag(from: usize, to: usize): i64 {
  const raw = readUnsigned(from, to);
  return <i64>((raw >> 1) ^ (0 - (raw & 1)));
}
