// What is computed of a column's values, as a type argument: a function that is generic over it is
// compiled once for each, so that the sum alone does not pay for the others.

/** The sum of integers. */
export type SumOnly = i32;
/** The sum of integers, how many they are, the least and the greatest. */
export type Longs = i64;
/** The same of doubles. */
export type Doubles = f64;
/** How many values there are, whatever they are. */
export type CountOnly = bool;

export function wantsLongs<T>(): bool {
  return isInteger<T>() && sizeof<T>() == 8;
}

export function wantsSum<T>(): bool {
  return isInteger<T>() && sizeof<T>() > 1;
}

export function wantsDoubles<T>(): bool {
  return isFloat<T>();
}

export function wantsCount<T>(): bool {
  return sizeof<T>() != 4;
}
