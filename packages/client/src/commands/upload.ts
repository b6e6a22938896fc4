import type { UploadRequest } from '@tally/stubs';
import type { Command } from 'commander';
import { ClientError, Status } from 'nice-grpc';
import { callFailure } from '../call-failure.js';
import { type Connection, withConnection } from '../connection.js';
import { type CsvFile, csvFilePieces, findCsvFiles, readCsvFile } from '../csv-files.js';
import { CommandError, exitCodes } from '../exit-codes.js';
import { type SendingProgress, sendingProgress } from '../sending-progress.js';
import { addServerOptions, type ServerOptions } from '../server-options.js';

/**
 * The largest file that goes in one message: a message of 64 MiB, which servers take unless they
 * are told otherwise, has 5 bytes around it. Larger ones are streamed.
 */
const unaryFileBytesMax = 64 * 1024 * 1024 - 5;

/** Adds `tally upload`: CSV files, one Upload call each. */
export function addUpload(program: Command): void {
  const command = program
    .command('upload')
    .summary('upload CSV files')
    .description(
      'Uploads CSV files, each as one chunk of the table, one after the other. Prints "success" ' +
        "for each, or the service's sentence that says what is wrong with it. A file may have any " +
        'size: one past 64 MiB, or past what the server takes in a message, goes in pieces.',
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
async function uploadFile(connection: Connection, file: CsvFile, prefix: string): Promise<boolean> {
  try {
    const error = await sendFile(connection, file);
    console.log(`${prefix}${error === '' ? 'success' : error}`);
    return error === '';
  } catch (error) {
    const failure = callFailure(error, connection.address);
    const refused = failure instanceof CommandError && failure.exitCode === exitCodes.serviceError;
    if (!refused) throw failure;
    console.error(`${prefix}${failure.message}`);
    return false;
  }
}

/** Sends one file by the call that suits its size; resolves to the sentence of the answer. */
async function sendFile(connection: Connection, file: CsvFile): Promise<string> {
  const { bytes } = file;
  if (bytes === undefined || bytes > unaryFileBytesMax) return streamFile(connection, file);
  const csvData = await readCsvFile(file);
  try {
    return (await connection.table.upload({ csvData })).error;
  } catch (error) {
    // The server may take smaller messages only. If it is short of something else, it says so again.
    const isRefused = error instanceof ClientError && error.code === Status.RESOURCE_EXHAUSTED;
    if (!isRefused) throw error;
    return streamFile(connection, file);
  }
}

async function streamFile({ tableService }: Connection, file: CsvFile): Promise<string> {
  const { name, bytes } = file;
  const progress = bytes === undefined ? undefined : sendingProgress(name, bytes);
  try {
    return (await tableService.upload(requests(file, progress))).error;
  } finally {
    progress?.stop();
  }
}

async function* requests(
  file: CsvFile,
  progress: SendingProgress | undefined,
): AsyncGenerator<UploadRequest> {
  for await (const csvData of csvFilePieces(file)) {
    yield { csvData };
    progress?.sent(csvData.length);
  }
}
