import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { callFailure } from '../call-failure.js';
import { type ConnectionOptions, withTally } from '../connection.js';
import { type CsvFile, findCsvFiles, unreadable } from '../csv-files.js';
import { CommandError, exitCodes } from '../exit-codes.js';
import { addCsvOptions, type CsvFlags, csvOptionsOf } from '../options/csv-options.js';
import { addCallOptions } from '../options/repeat-options.js';
import { addTableOption, type TableOption } from '../options/table-options.js';
import { type Tally, TallyError, type UploadResult } from '../sdk/index.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';
import { megabytesPerSecond, progressBar } from '../terminal/progress-bar.js';
import { counted, megabytes, printable } from '../terminal/text.js';
import { uploadAsOneMessage } from './unary-upload.js';

interface UploadOptions extends ConnectionOptions, TableOption, CsvFlags, JsonOption {}

/** Adds `tally upload`: CSV files, one Upload call each. */
export function addUpload(program: Command): void {
  const command = program
    .command('upload')
    .summary('upload CSV files')
    .description(
      'Uploads CSV files, each as one chunk of the table, one after the other. Prints "success" ' +
        "for each, or the service's sentence that says what is wrong with it. A file may have any " +
        'size: one past 64 MiB, or past what the server takes in a message, goes in pieces. Names may ' +
        'be patterns, in quotes, or - for standard input; files whose names end in .gz are sent as ' +
        'they are, and unpacked by the server. With options for how files are written, the server ' +
        'keeps the same values in its own form.',
    )
    .argument('<file.csv...>', 'CSV files with a header line');
  addCallOptions(
    addJsonOption(addCsvOptions(addTableOption(command)), 'a JSON value on a line for each file'),
  )
    .addHelpText(
      'after',
      `
Example:
  tally upload january.csv february.csv
  tally upload 'data/*.csv.gz' --table sales --delimiter ';' --null-word NA --skip-bad-rows`,
    )
    .action(upload);
}

async function upload(names: readonly string[], options: UploadOptions): Promise<void> {
  const files = await findCsvFiles(names);
  await withTally(options, async (tally) => {
    for (const file of files) {
      const prefix = files.length > 1 ? `${printable(file.name)}: ` : '';
      const kept = await uploadFile(tally, file, options, prefix);
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
  tally: Tally,
  file: CsvFile,
  options: UploadOptions,
  prefix: string,
): Promise<boolean> {
  try {
    const result = await sendFile(tally, file, options);
    if (options.json) console.log(toJson({ file: file.name, ...result }));
    else printResult(prefix, result);
    return true;
  } catch (error) {
    printFailure(tally, file, options, prefix, error);
    return false;
  }
}

/** Sends one file by the call that suits it; resolves to what the answer says of it, if it says anything. */
async function sendFile(
  tally: Tally,
  file: CsvFile,
  options: UploadOptions,
): Promise<UploadResult | undefined> {
  const csv = csvOptionsOf(options, file.name.endsWith('.gz'));
  const isPlain = csv === undefined && options.table === undefined && !options.json;
  // The same for both calls: the first may have kept the file, and its answer been lost.
  const idempotencyKey = randomUUID();
  if (isPlain && (await uploadAsOneMessage(tally, file, idempotencyKey, options))) return undefined;
  const bar = progressBar();
  const rate = megabytesPerSecond();
  try {
    return await tally.tables.upload(file.path ?? process.stdin, {
      table: options.table,
      csv,
      idempotencyKey,
      onProgress({ bytesSent, bytesTotal }) {
        const of = bytesTotal === undefined ? '' : `/${megabytes(bytesTotal)}`;
        const doing = bytesSent === bytesTotal ? 'sent: the server converts it' : rate(bytesSent);
        // The name at the end, where a narrow terminal cuts.
        const facts = `${megabytes(bytesSent)}${of} MB | ${doing} | ${printable(file.name)}`;
        bar.update(bytesSent, bytesTotal, facts);
      },
    });
  } finally {
    bar.stop();
  }
}

function printResult(prefix: string, result: UploadResult | undefined): void {
  const rejected = result?.rejectedRowCount ?? 0;
  const rest = rejected === 0 ? '' : `, but ${counted(rejected, 'row')} left out:`;
  console.log(`${prefix}success${rest}`);
  const rows = result?.rejectedRows ?? [];
  for (const { line, reason } of rows) console.log(`  line ${line}: ${printable(reason)}`);
  if (rejected > rows.length) console.log(`  and ${rejected - rows.length} more`);
}

/** What is wrong with most files whose fields are not separated by commas. */
const oneColumn = /, but the header has 1: /;

/** Prints why a file was not kept. Throws if the next one cannot be sent either. */
function printFailure(
  { address }: Tally,
  file: CsvFile,
  { json, delimiter }: UploadOptions,
  prefix: string,
  error: unknown,
): void {
  // Node's own: the file has gone since it was looked at, say.
  if (error instanceof Error && 'syscall' in error) throw unreadable(file.name, error);
  const failure = callFailure(error, address);
  const isOfFile = failure instanceof CommandError && failure.exitCode === exitCodes.serviceError;
  if (!isOfFile || !(error instanceof TallyError)) throw failure;
  const { code, reason, sentence } = error;
  if (json) console.log(toJson({ file: file.name, error: { code, reason, sentence } }));
  else if (code === 'REFUSED') {
    console.log(`${prefix}${sentence}`);
    if (delimiter === undefined && oneColumn.test(sentence)) {
      console.error('Is there another character than a comma between the fields? See --delimiter.');
    }
  } else console.error(`${prefix}${failure.message}`);
}
