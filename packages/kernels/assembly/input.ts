// The part of the module's memory that raw bytes of files are read into.

/** Bytes behind the input that may be read or written: sentinels, and loads of eight bytes. */
const PADDING: i32 = 64;

/** Bytes of a column chunk or of a CSV file that are at hand at once. */
export const INPUT_BYTES: i32 = 2560 * 1024;
export const INPUT: usize = memory.data(INPUT_BYTES + PADDING, 16);

export function inputAddress(): usize {
  return INPUT;
}

export function inputBytes(): i32 {
  return INPUT_BYTES;
}
