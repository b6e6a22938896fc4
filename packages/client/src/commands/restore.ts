import type { Command } from 'commander';
import { CommandError, exitCodes } from '../exit-codes.js';
import { folderPath } from '../options/option-values.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';
import { megabytesPerSecond, progressBar } from '../terminal/progress-bar.js';
import { megabytes } from '../terminal/text.js';

/** Adds `tally restore`: a backup as a data folder. */
export function addRestore(program: Command): void {
  addJsonOption(program.command('restore'))
    .summary('bring a backup back, into an empty folder')
    .description(
      'Copies a backup into an empty folder, with which a server can then be started, and compares ' +
        'each file with its checksum on the way. Changes nothing in a folder that is not empty. Until it ' +
        'is complete, no server starts with the folder.',
    )
    .argument('<backup>', 'a backup, or the folder of backups: then the newest one', folderPath)
    .argument('<data-dir>', 'the new data folder: empty or missing', folderPath)
    .addHelpText(
      'after',
      '\nExample:\n  tally restore /mnt/backups/tally ./restored && tally serve --data-dir ./restored',
    )
    .action(restore);
}

async function restore(from: string, dataDir: string, { json }: JsonOption): Promise<void> {
  // Loaded here only: the other commands start without a server's libraries.
  const { BackupError, restoreBackup, StartError } = await import('@tally/server/backup');
  const bar = progressBar();
  const rate = megabytesPerSecond();
  try {
    const restored = await restoreBackup(from, dataDir, {
      onProgress: (bytes, bytesMax) =>
        bar.update(bytes, bytesMax, `${megabytes(bytes)} MB | ${rate(bytes)}`),
    });
    bar.stop();
    const { backup, taken, files, bytes } = restored;
    console.log(
      json
        ? toJson(restored)
        : `Restored ${backup} (of ${taken}) to ${dataDir}: ${files} files, ${megabytes(bytes)} MB.\n` +
            `Start a server with it: tally serve --data-dir ${dataDir}`,
    );
  } catch (error) {
    bar.stop();
    // A DataFolderLockError is one too.
    if (error instanceof BackupError || error instanceof StartError) {
      throw new CommandError(error.message, exitCodes.wrongUsage, { cause: error });
    }
    if (!(error instanceof Error && 'code' in error)) throw error;
    const sentence = `Cannot restore to ${dataDir}: ${error.message}.`;
    throw new CommandError(sentence, exitCodes.wrongUsage, { cause: error });
  }
}
