import { type Command, Option } from 'commander';
import { deleteFolders, storedFolders } from '../data-folder.js';
import { exitCodes } from '../exit-codes.js';
import { folderPath } from '../options/option-values.js';
import { userPath } from '../options/user-path.js';

interface ResetOptions {
  /** Absolute path. */
  readonly dataDir: string;
  readonly yes?: true;
}

/** Adds `tally reset`, which works on files, without a server. */
export function addReset(program: Command): void {
  program
    .command('reset')
    .summary("delete a stopped server's data")
    .description(
      'Deletes all numbers and tables of a stopped server from its data folder, so that it starts ' +
        'clean. Refused while a server runs on it. A folder with anything else in it is left alone.',
    )
    .addOption(
      new Option('--data-dir <folder>', 'the data folder, as the server was told it')
        .env('TALLY_DATA_DIR')
        .argParser(folderPath)
        .default(userPath('tally-data'), './tally-data'),
    )
    .option('--yes', 'delete; without it, only say what would be deleted, with exit code 2')
    .addHelpText('after', '\nExample:\n  tally reset --yes --data-dir /var/lib/tally')
    .action(reset);
}

async function reset({ dataDir, yes }: ResetOptions): Promise<void> {
  const names = await storedFolders(dataDir);
  const list = names.map((name) => `${name}/`).join(', ');
  if (names.length === 0) {
    console.log(`Nothing to delete in ${dataDir}.`);
  } else if (yes) {
    await deleteFolders(dataDir, names);
    console.log(`Deleted ${list} in ${dataDir}.`);
  } else {
    console.log(
      `This would delete ${list} in ${dataDir}. Nothing was deleted: add --yes to do it.`,
    );
    process.exitCode = exitCodes.wrongUsage;
  }
}
