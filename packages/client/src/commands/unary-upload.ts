import { type CsvFile, readCsvFile } from '../csv-files.js';
import { type RepeatOptions, uploadDeadlineMs } from '../options/repeat-options.js';
import { type Tally, TallyError } from '../sdk/index.js';

/**
 * The largest file that goes in one message: a message of 64 MiB, which servers take unless they
 * are told otherwise, has 5 bytes around it. Larger ones are streamed.
 */
const unaryFileBytesMax = 64 * 1024 * 1024 - 5;

/**
 * Sends a file to the default table by the call of the first version, so that servers of all versions take
 * it. Returns whether the server has kept it; false if the file is to be sent in pieces.
 *
 * Throws TallyError, with REFUSED and the server's sentence if the file is not kept.
 */
export async function uploadAsOneMessage(
  { frozen }: Tally,
  file: CsvFile,
  idempotencyKey: string,
  options: RepeatOptions,
): Promise<boolean> {
  const { bytes } = file;
  if (bytes === undefined || bytes > unaryFileBytesMax) return false;
  const csvData = await readCsvFile(file);
  const deadlineMs = uploadDeadlineMs(options, bytes);
  try {
    const { error } = await frozen.upload({ csvData }, { deadlineMs, idempotencyKey });
    if (error === '') return true;
    throw new TallyError({ code: 'REFUSED', sentence: error, method: '/Table/Upload' });
  } catch (error) {
    // The server may take smaller messages only. If it is short of something else, it says so again.
    if (error instanceof TallyError && error.code === 'RESOURCE_EXHAUSTED') return false;
    throw error;
  }
}
