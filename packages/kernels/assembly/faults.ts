// What can be wrong with the bytes at hand; the numbers are known to src/page-fault.ts.

/** The bytes are not what such a file can hold. */
export const CORRUPT: i32 = -1;
/** A page, encoding or codec that this kernel does not know: another reader must be used. */
export const UNSUPPORTED: i32 = -2;
/** The checksum of a page does not hold. */
export const CHECKSUM: i32 = -3;
/** A value of a CSV file is not of the type that its column was taken to have. */
export const CONTRADICTION: i32 = -4;
