import { open } from 'node:fs/promises';
import { type Synced, syncHandle } from './sync-time.js';

/** Makes a file's contents, or a folder's names, survive a power loss. */
export async function syncPath(file: string, what: Synced = 'folder'): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await syncHandle(what, handle);
  } finally {
    await handle.close();
  }
}
