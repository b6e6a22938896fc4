import type { Command } from 'commander';

/** Whether a command prints its result for programs. */
export interface JsonOption {
  readonly json?: true;
}

/** Adds `--json`. */
export function addJsonOption(command: Command, what = 'one JSON value'): Command {
  return command.option('--json', `print ${what} instead of text`);
}

/**
 * The value as one line of JSON. Integers of data, which JSON readers may round, and numbers that JSON
 * does not have are strings; counts and sizes are numbers.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    const isExact = typeof part !== 'bigint' && (typeof part !== 'number' || Number.isFinite(part));
    return isExact ? part : String(part);
  });
}
