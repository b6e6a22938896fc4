// CRC-32 as in gzip, which Parquet's page checksums use; sixteen bytes at a time.

const TABLE: usize = memory.data(16 * 256 * 4, 8);
let filled = false;

function fill(): void {
  for (let i: u32 = 0; i < 256; i++) {
    let value = i;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
    store<u32>(TABLE + (i << 2), value);
  }
  for (let i: u32 = 0; i < 256; i++) {
    let value = load<u32>(TABLE + (i << 2));
    for (let slice: u32 = 1; slice < 16; slice++) {
      value = (value >>> 8) ^ load<u32>(TABLE + ((value & 255) << 2));
      store<u32>(TABLE + (slice << 10) + (i << 2), value);
    }
  }
  filled = true;
}

function entry(slice: u32, byte: u32): u32 {
  return load<u32>(TABLE + (slice << 10) + ((byte & 255) << 2));
}

/** What four bytes do to a checksum that `behind` more bytes follow. */
function fourBytes(behind: u32, bytes: u32): u32 {
  return (
    entry(behind + 3, bytes) ^
    entry(behind + 2, bytes >>> 8) ^
    entry(behind + 1, bytes >>> 16) ^
    entry(behind, bytes >>> 24)
  );
}

/** The CRC-32 of `[from, from + length)`. */
export function crc32(from: usize, length: i32): u32 {
  if (!filled) fill();
  let crc: u32 = 0xffff_ffff;
  let at = from;
  const end = from + length;
  for (; at + 16 <= end; at += 16) {
    const a = load<u32>(at) ^ crc;
    crc =
      fourBytes(12, a) ^
      fourBytes(8, load<u32>(at, 4)) ^
      fourBytes(4, load<u32>(at, 8)) ^
      fourBytes(0, load<u32>(at, 12));
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ entry(0, crc ^ <u32>load<u8>(at));
  return ~crc;
}
