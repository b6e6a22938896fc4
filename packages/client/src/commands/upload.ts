import { randomUUID } from 'node:crypto';
import type { UploadRequest } from '@tally/stubs';
import type { Command } from 'commander';
import { ClientError, Status } from 'nice-grpc';
import { callFailure } from '../call-failure.js';
import { type Connection, withConnection } from '../connection.js';
import { type CsvFile, csvFilePieces, findCsvFiles, readCsvFile } from '../csv-files.js';
import { CommandError, exitCodes } from '../exit-codes.js';
import { addRepeatOptions, type RepeatOptions, uploadDeadlineMs } from '../repeat-options.js';
import { type Repetition, repeatedCall } from '../repeated-call.js';
import { type SendingProgress, sendingProgress } from '../sending-progress.js';
import { addServerOptions, type ServerOptions } from '../server-options.js';

/**
 * The largest file that goes in one message: a message of 64 MiB, which servers take unless they
 * are told otherwise, has 5 bytes around it. Larger ones are streamed.
 */
const unaryFileBytesMax = 64 * 1024 * 1024 - 5;

interface UploadOptions extends ServerOptions, RepeatOptions {}

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
  addRepeatOptions(addServerOptions(command))
    .addHelpText('after', '\nExample:\n  tally upload january.csv february.csv')
    .action(upload);
}

async function upload(names: readonly string[], options: UploadOptions): Promise<void> {
  const files = await findCsvFiles(names);
  await withConnection(options, async (connection) => {
    for (const file of files) {
      const prefix = files.length > 1 ? `${file.name}: ` : '';
      const kept = await uploadFile(connection, file, repetitionOf(file, options), prefix);
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
  connection: Connection,
  file: CsvFile,
  repetition: Repetition,
  prefix: string,
): Promise<boolean> {
  try {
    const error = await sendFile(connection, file, repetition);
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

/** How the upload of a file is repeated; a pipe can be read once only, as slowly as it is written. */
function repetitionOf({ bytes }: CsvFile, options: UploadOptions): Repetition {
  if (bytes === undefined) return { attempts: 1 };
  return {
    attempts: options.attempts,
    deadlineMs: uploadDeadlineMs(options, bytes),
    idempotencyKey: randomUUID(),
  };
}

/** Sends one file by the call that suits its size; resolves to the sentence of the answer. */
async function sendFile(
  connection: Connection,
  file: CsvFile,
  repetition: Repetition,
): Promise<string> {
  const { bytes } = file;
  const { table } = connection;
  const stream = () => streamFile(connection, file, repetition);
  if (bytes === undefined || bytes > unaryFileBytesMax) return stream();
  const csvData = await readCsvFile(file);
  try {
    return (await repeatedCall(repetition, (call) => table.upload({ csvData }, call))).error;
  } catch (error) {
    // The server may take smaller messages only. If it is short of something else, it says so again.
    const isRefused = error instanceof ClientError && error.code === Status.RESOURCE_EXHAUSTED;
    if (!isRefused) throw error;
    return stream();
  }
}

/** Sends a file in pieces, from its start at each attempt. */
async function streamFile(
  { tableService }: Connection,
  file: CsvFile,
  repetition: Repetition,
): Promise<string> {
  const { name, bytes } = file;
  const { error } = await repeatedCall(repetition, async (call) => {
    const progress = bytes === undefined ? undefined : sendingProgress(name, bytes);
    try {
      return await tableService.upload(requests(file, progress), call);
    } finally {
      progress?.stop();
    }
  });
  return error;
}

/** A file's pieces, and at the end its size: by it the server knows that no cancelled call ended it. */
async function* requests(
  file: CsvFile,
  progress: SendingProgress | undefined,
): AsyncGenerator<UploadRequest> {
  const nothing = new Uint8Array();
  yield { csvData: nothing, csvBytesTotalFollows: true };
  let bytes = 0;
  for await (const csvData of csvFilePieces(file)) {
    yield { csvData };
    bytes += csvData.length;
    progress?.sent(csvData.length);
  }
  yield { csvData: nothing, csvBytesTotal: BigInt(bytes) };
}
