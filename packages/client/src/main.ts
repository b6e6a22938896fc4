#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { addAggregate } from './commands/aggregate.js';
import { addBackup } from './commands/backup.js';
import { addBigdata } from './commands/bigdata.js';
import { addChunks } from './commands/chunks.js';
import { addColumnSums } from './commands/column-sum.js';
import { addConfig } from './commands/config.js';
import { addDescribe } from './commands/describe.js';
import { addExport } from './commands/export.js';
import { addNumbers } from './commands/numbers.js';
import { addReset } from './commands/reset.js';
import { addRestore } from './commands/restore.js';
import { addServe } from './commands/serve.js';
import { addSum } from './commands/sum.js';
import { addTables } from './commands/tables.js';
import { addToken } from './commands/token.js';
import { addUpload } from './commands/upload.js';
import { addVerify } from './commands/verify.js';
import { addWorkload } from './commands/workload.js';
import { CommandError, exitCodes } from './exit-codes.js';

// What libraries do that Node deprecates, as a server's address in place of its name with TLS, is nothing that
// whoever runs a command can change.
process.noDeprecation = true;

const program = new Command('tally')
  .description('Serves and uses Tally: tables of CSV files, and named integers, over gRPC.')
  .showHelpAfterError('Add --help to see what is allowed.')
  .addHelpText(
    'after',
    `
Exit codes: 0 right, 1 the service reported an error or verify found a problem,
2 wrong usage, 3 the server cannot be reached.

With --json, integers of data (values, sums, totals, bounds) are strings,
because JSON readers round large numbers; counts, sizes and versions are numbers.

Example:
  tally serve &
  tally upload january.csv february.csv && tally aggregate amount`,
  )
  .exitOverride();

addServe(program);
addConfig(program);
addToken(program);
addUpload(program);
addSum(program);
addColumnSums(program);
addAggregate(program);
addTables(program);
addDescribe(program);
addChunks(program);
addExport(program);
addNumbers(program);
addWorkload(program);
addBigdata(program);
addBackup(program);
addRestore(program);
addVerify(program);
addReset(program);

// Who reads the output has seen enough, as head has: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(exitCodes.right);
});

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
