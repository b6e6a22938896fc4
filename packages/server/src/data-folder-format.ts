import { access, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { StartError } from './start-error.js';
import { syncPath } from './sync-path.js';

/** The file in the data folder that says which format all the others have. */
export const formatFileName = 'format.json';

/** Is in the data folder as long as it has a part of a backup only. */
export const restoreMarkName = 'restore-in-progress';

/** The format that this version of Tally writes; it reads those from 1 on. */
export const formatWritten = 1;

/**
 * Refuses a data folder of a newer format, and marks one that has no mark: folders were not marked at
 * first, and had format 1. Throws StartError.
 */
export async function checkFormat(dataDir: string, sync: boolean): Promise<void> {
  const fault = await formatFault(dataDir);
  if (fault === 'no mark') await writeMark(dataDir, sync);
  else if (fault !== undefined) throw new StartError(`${fault} Nothing was changed.`);
}

/** Why this version of Tally cannot use a data folder, as a sentence; undefined if it can. */
export async function formatFault(dataDir: string): Promise<string | 'no mark' | undefined> {
  if (await isRestored(dataDir)) {
    return (
      `A restore into ${dataDir} was cut off, so it has a part of a backup only: empty the folder, ` +
      'and restore again.'
    );
  }
  const file = path.join(dataDir, formatFileName);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return 'no mark';
  const format = formatIn(text);
  if (format === undefined) {
    return (
      `${file} does not say which format the data has: it should be like ` +
      `{"format":${formatWritten}}. Restore that file from a backup.`
    );
  }
  if (format <= formatWritten) return undefined;
  return (
    `The data in ${dataDir} has format ${format}, and this version of Tally knows those up to ` +
    `${formatWritten}: use the version that has written it, or a newer one.`
  );
}

const isRestored = (dataDir: string) =>
  access(path.join(dataDir, restoreMarkName)).then(
    () => true,
    () => false,
  );

function formatIn(text: string): number | undefined {
  try {
    const { format } = JSON.parse(text);
    return Number.isSafeInteger(format) && format >= 1 ? format : undefined;
  } catch {
    return undefined;
  }
}

/** All of it or nothing, whenever the power fails. */
async function writeMark(dataDir: string, sync: boolean): Promise<void> {
  const file = path.join(dataDir, formatFileName);
  const made = `${file}.new`;
  const handle = await open(made, 'w', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify({ format: formatWritten })}\n`);
    if (sync) await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(made, file);
  if (sync) await syncPath(dataDir);
}
