/** A whole number: a bigint, or a number that holds one exactly. */
export type Integer = bigint | number;

/** Returns it as a bigint. Throws TypeError if a number is not whole, or past what it can hold exactly. */
export function exactInteger(value: Integer): bigint {
  if (typeof value === 'bigint') return value;
  if (Number.isSafeInteger(value)) return BigInt(value);
  throw new TypeError(
    `${value} is not a whole number within ±(2^53 - 1): a bigint holds larger ones exactly.`,
  );
}
