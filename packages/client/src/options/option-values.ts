import { InvalidArgumentError } from 'commander';
import { userPath } from './user-path.js';

const withThousands = (n: number) => n.toLocaleString('en-US');

/**
 * Returns a commander parser for whole numbers from `min` to `max`.
 *
 * The parser throws InvalidArgumentError with a sentence that says what is allowed.
 */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(
        `It must be a whole number from ${withThousands(min)} to ${withThousands(max)}.`,
      );
    }
    return value;
  };
}

const durationMaxMs = 3_600_000;

/**
 * Reads a time such as `10s`, `500ms` or `10` (seconds) and returns it in milliseconds.
 *
 * Throws InvalidArgumentError if it is none, under a millisecond or over an hour.
 */
export function durationMs(text: string): number {
  const [, digits, unit] = /^([0-9]+(?:\.[0-9]+)?)(ms|s)?$/.exec(text) ?? [];
  const value = digits === undefined ? Number.NaN : Number(digits) * (unit === 'ms' ? 1 : 1000);
  if (!(value >= 1 && value <= durationMaxMs)) {
    throw new InvalidArgumentError('It must be a time from 1ms to 3600s, such as 10s or 500ms.');
  }
  return value;
}

/** Reads the path of a folder and returns it as an absolute one. Throws if the text is empty. */
export function folderPath(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must be the path of a folder.');
  return userPath(text);
}

/** Reads the path of a file and returns it as an absolute one. Throws if the text is empty. */
export function filePath(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must be the path of a file.');
  return userPath(text);
}

/** Reads an integer within int64, such as `-5`. */
export function int64(text: string): bigint {
  const value = /^[+-]?[0-9]{1,30}$/.test(text) ? BigInt(text.replace('+', '')) : undefined;
  if (value === undefined || BigInt.asIntN(64, value) !== value) {
    throw new InvalidArgumentError(
      'It must be an integer from -9223372036854775808 to 9223372036854775807.',
    );
  }
  return value;
}

/** Returns a parser of names with commas between, each one of `allowed`. */
export function namesOf<Name extends string>(allowed: readonly Name[]) {
  return (text: string): Name[] => {
    const names = text.split(',').map((name) => name.trim()) as Name[];
    if (names.some((name) => !allowed.includes(name))) {
      throw new InvalidArgumentError(`It must be some of ${allowed.join(',')}.`);
    }
    return names;
  };
}
