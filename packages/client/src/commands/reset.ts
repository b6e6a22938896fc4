import { type Command, Option } from 'commander';
import { deleteFolders, storedFolders } from '../data-folder.js';
import { exitCodes } from '../exit-codes.js';
import { folderPath } from '../options/option-values.js';
import { userPath } from '../options/user-path.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';

interface ResetOptions extends JsonOption {
  /** Absolute path. */
  readonly dataDir: string;
  readonly yes?: true;
}

/** Adds `tally reset`, which works on files, without a server. */
export function addReset(program: Command): void {
  const command = program
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
    .option('--yes', 'delete; without it, only say what would be deleted, with exit code 2');
  addJsonOption(command)
    .addHelpText('after', '\nExample:\n  tally reset --yes --data-dir /var/lib/tally')
    .action(reset);
}

async function reset({ dataDir, yes, json }: ResetOptions): Promise<void> {
  const folders = await storedFolders(dataDir);
  const isDeleted = yes === true && folders.length > 0;
  if (isDeleted) await deleteFolders(dataDir, folders);
  console.log(
    json ? toJson({ dataDir, folders, isDeleted }) : sentence(dataDir, folders, isDeleted),
  );
  if (!isDeleted && folders.length > 0) process.exitCode = exitCodes.wrongUsage;
}

function sentence(dataDir: string, folders: readonly string[], isDeleted: boolean): string {
  if (folders.length === 0) return `Nothing to delete in ${dataDir}.`;
  const list = folders.map((name) => `${name}/`).join(', ');
  return isDeleted
    ? `Deleted ${list} in ${dataDir}.`
    : `This would delete ${list} in ${dataDir}. Nothing was deleted: add --yes to do it.`;
}
