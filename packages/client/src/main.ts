#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { addBigdata } from './commands/bigdata.js';
import { addColumnSums } from './commands/column-sum.js';
import { addReset } from './commands/reset.js';
import { addStart } from './commands/start.js';
import { addUpload } from './commands/upload.js';
import { addVerify } from './commands/verify.js';
import { CommandError, exitCodes } from './exit-codes.js';

const program = new Command('tally')
  .description('Drives a Tally server: number workloads, CSV uploads and column sums.')
  .showHelpAfterError('Add --help to see what is allowed.')
  .addHelpText(
    'after',
    `
Exit codes: 0 right, 1 the service reported an error or verify found a problem,
2 wrong usage, 3 the server cannot be reached.

Example:
  tally upload january.csv february.csv && tally csvsum amount`,
  )
  .exitOverride();

addStart(program);
addUpload(program);
addColumnSums(program);
addBigdata(program);
addReset(program);
addVerify(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportedExitCode(error);
}

/** Tells the user what went wrong, and returns the exit code that says the same. */
function reportedExitCode(error: unknown): number {
  if (error instanceof CommanderError) {
    // commander has printed its message; its own code for wrong usage is 1, which is the service's.
    return error.exitCode === 0 ? exitCodes.right : exitCodes.wrongUsage;
  }
  if (error instanceof CommandError) {
    console.error(error.message);
    return error.exitCode;
  }
  console.error(error);
  return exitCodes.serviceError;
}
