import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { StartError } from './start-error.js';

/**
 * Makes a folder, and those above it, where they are missing; resolves to those that it made.
 *
 * Throws StartError if something else has the name of one. (Node's own `recursive` never ends
 * where the system says of a folder that is there that it is not, as in /proc.)
 */
export async function makeFolders(folder: string): Promise<readonly string[]> {
  if (await isFolder(folder)) return [];
  const parent = path.dirname(folder);
  const made = parent === folder ? [] : await makeFolders(parent);
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    // Another process, which may be a server that starts too, was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return made;
  }
  return [...made, folder];
}

/** Whether there is a folder of that name; false if there is nothing. Throws StartError. */
async function isFolder(folder: string): Promise<boolean> {
  try {
    if ((await stat(folder)).isDirectory()) return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    // The one above it says what is wrong.
    if (code === 'ENOTDIR') return false;
    throw error;
  }
  throw new StartError(
    `${folder} is a file, and should be a folder of Tally's: move it away, or choose another ` +
      'folder for the data with --data-dir. Nothing was changed.',
  );
}
