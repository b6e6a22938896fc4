import { randomInt } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';

/** An option of a run that is a whole number of at least 1. */
export function countOption(flag: string, help: string, fallback: number): Option {
  return new Option(`${flag} <n>`, help).default(fallback).argParser((text) => {
    const n = /^[0-9]+$/.test(text) ? Number(text) : 0;
    if (n < 1 || !Number.isSafeInteger(n)) {
      throw new InvalidArgumentError('It must be a whole number of at least 1.');
    }
    return n;
  });
}

/** The command of one run; its seed is random unless it is given, and the run prints it. */
export function runCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(countOption('--seed', 'makes the same choices again', randomInt(1, 2 ** 31)));
}
