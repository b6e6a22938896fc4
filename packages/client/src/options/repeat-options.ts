import { type Command, Option } from 'commander';
import { durationMs, wholeNumber } from './option-values.js';
import { addServerOptions } from './server-options.js';

/** How calls of a command are repeated. */
export interface RepeatOptions {
  readonly attempts: number;
  /** In milliseconds. */
  readonly deadline: number;
}

/** Tries of a call unless the user says otherwise: a server that is restarted within 5 s is met again. */
const attemptsOfCalls = 8;

/** Adds the options of every command that makes calls: where the server is, and how calls are repeated. */
export function addCallOptions(command: Command, attempts = attemptsOfCalls): Command {
  return addServerOptions(command)
    .option(
      '--attempts <n>',
      'how often a call is tried that does not get through; the server counts it once (1 to 100)',
      wholeNumber(1, 100),
      attempts,
    )
    .addOption(
      new Option(
        '--deadline <time>',
        'how long each try may take, and a second more for each MiB of an upload (1ms to 3600s; a ' +
          'number alone is in seconds)',
      )
        .argParser(durationMs)
        .default(300_000, '300s'),
    );
}

const MiB = 1024 * 1024;

/** How long an attempt to upload so many bytes may take: also over a slow line. */
export const uploadDeadlineMs = ({ deadline }: RepeatOptions, bytes: number): number =>
  deadline + Math.ceil(bytes / MiB) * 1000;
