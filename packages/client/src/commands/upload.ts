import type { Command } from 'commander';
import { callFailure } from '../call-failure.js';
import { type Connection, withConnection } from '../connection.js';
import { type CsvFile, findCsvFiles, readCsvFile } from '../csv-files.js';
import { CommandError, exitCodes } from '../exit-codes.js';
import { addServerOptions, type ServerOptions } from '../server-options.js';

/** Adds `tally upload`: CSV files, one Upload call each. */
export function addUpload(program: Command): void {
  const command = program
    .command('upload')
    .summary('upload CSV files')
    .description(
      'Uploads CSV files, each as one chunk of the table, one after the other. Prints "success" ' +
        "for each, or the service's sentence that says what is wrong with it.",
    )
    .argument('<file.csv...>', 'CSV files with a header line');
  addServerOptions(command)
    .addHelpText('after', '\nExample:\n  tally upload january.csv february.csv')
    .action(upload);
}

async function upload(names: readonly string[], options: ServerOptions): Promise<void> {
  const files = await findCsvFiles(names);
  await withConnection(options, async (connection) => {
    for (const file of files) {
      const kept = await uploadFile(connection, file, files.length > 1 ? `${file.name}: ` : '');
      // What is wrong with one file says nothing about the next.
      if (!kept) process.exitCode = exitCodes.serviceError;
    }
  });
}

/**
 * Uploads one file and prints what became of it, after `prefix`. Returns whether it was kept.
 *
 * Throws CommandError if the file cannot be read or the server is gone.
 */
async function uploadFile(
  { table, address }: Connection,
  file: CsvFile,
  prefix: string,
): Promise<boolean> {
  const csvData = await readCsvFile(file);
  try {
    const { error } = await table.upload({ csvData });
    console.log(`${prefix}${error === '' ? 'success' : error}`);
    return error === '';
  } catch (error) {
    const failure = callFailure(error, address);
    const refused = failure instanceof CommandError && failure.exitCode === exitCodes.serviceError;
    if (!refused) throw failure;
    console.error(`${prefix}${failure.message}`);
    return false;
  }
}
