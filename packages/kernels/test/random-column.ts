import fc from 'fast-check';

/** Integers of up to `bits` bits with their sign. */
const integer = (bits: number) => {
  const limit = 1n << BigInt(bits - 1);
  return fc.bigInt({ min: -limit, max: limit - 1n });
};

/** Columns as they occur: of any width, constant, in steps, of few values; with nulls or without. */
export function randomColumn(bits: number): fc.Arbitrary<(bigint | null)[]> {
  const value = fc.integer({ min: 1, max: bits }).chain(integer);
  const run = fc
    .tuple(value, fc.integer({ min: 1, max: 300 }), integer(Math.min(16, bits)))
    .map(([first, length, step]) =>
      Array.from({ length }, (_, i) => BigInt.asIntN(bits, first + step * BigInt(i))),
    );
  const random = fc
    .integer({ min: 1, max: bits })
    .chain((width) => fc.array(integer(width), { maxLength: 700 }));
  const few = fc
    .array(value, { minLength: 1, maxLength: 5 })
    .chain((values) => fc.array(fc.constantFrom(...values), { maxLength: 700 }));
  const extreme = fc.array(
    fc.constantFrom(0n, -1n, (1n << BigInt(bits - 1)) - 1n, -(1n << BigInt(bits - 1))),
    { maxLength: 300 },
  );
  const values = fc
    .array(fc.oneof(run, random, few, extreme), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.flat());
  return fc
    .tuple(values, nulls())
    .map(([all, isNull]) => all.map((value, i) => (isNull(i) ? null : value)));
}

/** Which values are null: none, all, every n-th, runs, alternating, any pattern. */
function nulls(): fc.Arbitrary<(i: number) => boolean> {
  return fc.oneof(
    fc.constant(() => false),
    fc.constant(() => true),
    fc.integer({ min: 1, max: 9 }).map((n) => (i: number) => i % n === 0),
    fc.integer({ min: 1, max: 200 }).map((n) => (i: number) => Math.floor(i / n) % 2 === 0),
    fc
      .array(fc.boolean(), { minLength: 1, maxLength: 50 })
      .map((pattern) => (i: number) => pattern[i % pattern.length] === true),
  );
}
