// Whether a text is a value of a type, as conversions read it.

import { BOOLEAN, DATE, DOUBLE, LONG, STRING, TIMESTAMP } from './csv-rows';
import { readBoolean, readDate, readDouble, readInteger, readTimestamp } from './csv-values';
import { INPUT } from './input';

/** Whether the first `length` bytes of the input spell a value of the type that a bit stands for. */
export function isOfType(type: u32, length: i32): bool {
  const end = INPUT + length;
  if (type == LONG) return readInteger(INPUT, end);
  if (type == DOUBLE) return readDouble(INPUT, end);
  if (type == BOOLEAN) return readBoolean(INPUT, end);
  if (type == DATE) return readDate(INPUT, end);
  if (type == TIMESTAMP) return readTimestamp(INPUT, end);
  return type == STRING;
}
