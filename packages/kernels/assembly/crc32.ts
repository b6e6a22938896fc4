// CRC-32 as in gzip, which Parquet's page checksums use; eight bytes at a time.

const TABLE: usize = memory.data(8 * 256 * 4, 8);
let filled = false;

function fill(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
    store<u32>(TABLE + (i << 2), value);
  }
  for (let i: u32 = 0; i < 256; i++) {
    let value = load<u32>(TABLE + (i << 2));
    for (let slice: u32 = 1; slice < 8; slice++) {
      value = (value >>> 8) ^ load<u32>(TABLE + ((value & 255) << 2));
      store<u32>(TABLE + (slice << 10) + (i << 2), value);
    }
  }
  filled = true;
}

function entry(slice: u32, byte: u32): u32 {
  return load<u32>(TABLE + (slice << 10) + ((byte & 255) << 2));
}

/** The CRC-32 of `[from, from + length)`. */
export function crc32(from: usize, length: i32): u32 {
  if (!filled) fill();
  let crc: u32 = 0xffff_ffff;
  let at = from;
  const end = from + length;
  for (; at + 8 <= end; at += 8) {
    const a = load<u32>(at) ^ crc;
    const b = load<u32>(at, 4);
    crc =
      entry(7, a) ^
      entry(6, a >>> 8) ^
      entry(5, a >>> 16) ^
      entry(4, a >>> 24) ^
      entry(3, b) ^
      entry(2, b >>> 8) ^
      entry(1, b >>> 16) ^
      entry(0, b >>> 24);
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ entry(0, crc ^ <u32>load<u8>(at));
  return ~crc;
}
