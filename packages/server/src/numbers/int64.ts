/** An int64 as it is on disk: 8 bytes, the most significant first. */
export function encodeInt64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

/** The int64 of 8 bytes. */
export function decodeInt64(bytes: Buffer, offset = 0): bigint {
  return bytes.readBigInt64BE(offset);
}
