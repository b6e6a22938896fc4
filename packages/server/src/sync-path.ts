import { open } from 'node:fs/promises';

/** Makes a file's contents, or a folder's names, survive a power loss. */
export async function syncPath(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
