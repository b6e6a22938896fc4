import { execFileSync } from 'node:child_process';
import { accessSync, constants, writeFileSync } from 'node:fs';

const dropCaches = '/proc/sys/vm/drop_caches';

/** Whether this process may empty the page cache: on Linux, as root. */
export function canDropPageCache(): boolean {
  try {
    accessSync(dropCaches, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Writes what is dirty to disk and empties the page cache: the next read of any file is from disk. */
export function dropPageCache(): void {
  execFileSync('sync');
  writeFileSync(dropCaches, '3');
}
