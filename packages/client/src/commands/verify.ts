import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { CommandError, exitCodes } from '../exit-codes.js';
import { folderPath, wholeNumber } from '../options/option-values.js';
import { verifyProgress } from '../terminal/verify-progress.js';
import { jsonReport, textReport } from '../verify-report.js';

interface VerifyOptions {
  readonly repair?: true;
  readonly json?: true;
  readonly threads: number;
}

/** Adds `tally verify`: a check of all files of a stopped server. */
export function addVerify(program: Command): void {
  program
    .command('verify')
    .summary("check all files of a stopped server's data folder")
    .description(
      'Reads everything in the data folder of a stopped server and compares it: each file with its ' +
        'checksum, the log with the files, CSV with Parquet, the index with the log, the numbers ' +
        'with their total. Changes nothing, unless --repair is given. Refused while a server uses it. Checks ' +
        'a backup in the same way, and against what it had when it was made.',
    )
    .argument('<data-dir>', 'the data folder, as the server was told it, or a backup', folderPath)
    .option(
      '--repair',
      'move what is provably incomplete to quarantine/ in the data folder: files of uploads that ' +
        'were never acknowledged, unfinished work, a damaged index; nothing is deleted',
    )
    .option('--json', 'print the report as one JSON document')
    .addOption(
      new Option('--threads <n>', 'threads that read files (1 to 64)')
        .argParser(wholeNumber(1, 64))
        .default(Math.min(8, availableParallelism()), 'one for each processor, 8 at most'),
    )
    .addHelpText(
      'after',
      `
Exit codes: 0 all is well, or has been repaired; 1 there are problems; 2 wrong usage, or the folder
cannot be checked.

Example:
  tally verify /var/lib/tally --repair`,
    )
    .action(verify);
}

async function verify(dataDir: string, { repair, json, threads }: VerifyOptions): Promise<void> {
  // Loaded here only: the other commands start without a server's libraries.
  const { isWell, VerifyError, verifyDataFolder } = await import('@tally/server/verify');
  const progress = verifyProgress();
  try {
    const report = await verifyDataFolder(dataDir, {
      ...(repair && { repair }),
      threads,
      onProgress: progress.update,
    });
    progress.stop();
    console.log(json ? jsonReport(report) : textReport(report));
    if (!isWell(report)) process.exitCode = exitCodes.problemsFound;
  } catch (error) {
    progress.stop();
    if (error instanceof VerifyError) throw cannotCheck(error.message, error);
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw cannotCheck(`${dataDir} cannot be checked: ${error.message}.`, error);
  }
}

const cannotCheck = (message: string, cause: Error) =>
  new CommandError(message, exitCodes.wrongUsage, { cause });
