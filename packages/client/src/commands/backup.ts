import type { Command } from 'commander';
import { type ConnectionOptions, withTally } from '../connection.js';
import { CommandError, exitCodes } from '../exit-codes.js';
import { folderPath } from '../options/option-values.js';
import { addCallOptions } from '../options/repeat-options.js';
import type { Backup } from '../sdk/index.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';
import { megabytesPerSecond, progressBar } from '../terminal/progress-bar.js';
import { megabytes } from '../terminal/text.js';

interface BackupOptions extends ConnectionOptions, JsonOption {
  readonly full?: true;
}

/** Adds `tally backup`: a copy of a running server's data. */
export function addBackup(program: Command): void {
  const command = program
    .command('backup')
    .summary('copy all data of a running server, as it is at one moment')
    .description(
      'Makes a backup of a running server: a new folder in <folder>, called by its time, with all ' +
        'numbers and tables as they were at one moment. Files that the newest backup there has are not ' +
        'sent again: both have them (hard links), and either can be deleted. tally verify checks a ' +
        'backup, tally restore brings it back. Needs a token of the scope admin where the server asks ' +
        'for tokens.',
    )
    .argument('<folder>', 'where the backups are; made if it is missing', folderPath)
    .option('--full', 'fetch every file anew, not only those that the newest backup lacks');
  addCallOptions(addJsonOption(command))
    .addHelpText(
      'after',
      '\nExample:\n  tally backup /mnt/backups/tally\n  tally verify /mnt/backups/tally/2026-11-24T12-00-00Z',
    )
    .action(backup);
}

async function backup(folder: string, options: BackupOptions): Promise<void> {
  await withTally(options, async ({ admin }) => {
    const bar = progressBar();
    const rate = megabytesPerSecond();
    try {
      const { full } = options;
      const made = await admin.backup(folder, {
        full,
        onProgress: (bytes, bytesMax) =>
          bar.update(bytes, bytesMax, `${megabytes(bytes)} MB | ${rate(bytes)}`),
      });
      bar.stop();
      console.log(options.json ? toJson(made) : textOf(made));
    } catch (error) {
      bar.stop();
      if (!(error instanceof Error) || !isOfFolder(error)) throw error;
      const { message } = error;
      const sentence = 'syscall' in error ? `Cannot write to ${folder}: ${message}.` : message;
      throw new CommandError(sentence, exitCodes.wrongUsage, { cause: error });
    }
  });
}

const isOfFolder = (error: Error) =>
  'syscall' in error || ['BackupError', 'DataFolderLockError'].includes(error.constructor.name);

function textOf({ folder, files, bytes, bytesSent, upon, tables, numbers }: Backup): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  const parts = [
    numbers === undefined ? 'no numbers, which it does not serve' : counted(numbers, 'number'),
    tables.length === 0
      ? 'no tables, which it does not serve'
      : `${counted(tables.length, 'table')} with ${counted(rows, 'row')}`,
  ];
  const sent =
    upon === undefined ? '' : `, ${megabytes(bytesSent)} MB of them sent, the others as in ${upon}`;
  return (
    `Backed up ${parts.join(', ')}: ${counted(files, 'file')}, ${megabytes(bytes)} MB${sent}.\n` +
    `The backup is ${folder}`
  );
}

const counted = (n: number, one: string) => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;
