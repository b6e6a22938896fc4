// Snappy's raw format (https://github.com/google/snappy/blob/main/format_description.txt).

/** Decompresses `[from, from + length)` to exactly `size` bytes at `to`; false if it is corrupt. */
export function decompressSnappy(from: usize, length: i32, to: usize, size: i32): bool {
  const end = from + length;
  const limit = to + size;
  let at = from;
  let out = to;
  let claimed: u64 = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= end || shift > 28) return false;
    const byte = load<u8>(at++);
    claimed |= (<u64>(byte & 127)) << shift;
    if (byte < 128) break;
  }
  if (claimed != <u64>size) return false;
  while (at < end) {
    const tag = <u32>load<u8>(at++);
    if ((tag & 3) == 0) {
      let bytes = tag >> 2;
      if (bytes >= 60) {
        const extra = bytes - 59;
        if (<u32>(end - at) < extra) return false;
        bytes = load<u32>(at) & (0xffff_ffff >>> (32 - 8 * extra));
        at += extra;
      }
      const count = <u64>bytes + 1;
      if (count > <u64>(end - at) || count > <u64>(limit - out)) return false;
      memory.copy(out, at, <usize>count);
      at += <usize>count;
      out += <usize>count;
      continue;
    }
    let count: u32 = 0;
    let offset: u32 = 0;
    if ((tag & 3) == 1) {
      if (at >= end) return false;
      count = 4 + ((tag >> 2) & 7);
      offset = ((tag >> 5) << 8) | <u32>load<u8>(at);
      at += 1;
    } else if ((tag & 3) == 2) {
      if (end - at < 2) return false;
      count = 1 + (tag >> 2);
      offset = <u32>load<u16>(at);
      at += 2;
    } else {
      if (end - at < 4) return false;
      count = 1 + (tag >> 2);
      offset = load<u32>(at);
      at += 4;
    }
    if (offset == 0 || offset > <u32>(out - to) || count > <u32>(limit - out)) return false;
    // A copy may overlap itself: then what it has written repeats.
    if (offset >= count) memory.copy(out, out - offset, count);
    else for (let i: u32 = 0; i < count; i++) store<u8>(out + i, load<u8>(out + i - offset));
    out += count;
  }
  return out == limit;
}
