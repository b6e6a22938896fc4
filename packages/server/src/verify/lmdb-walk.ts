import { fork } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LmdbMessage, LmdbWalks } from './lmdb-child.js';

/** What was found, or why the file cannot be read, as the end of a sentence that begins with it. */
export type Walked<T> = { readonly found: T } | { readonly fault: string };

const child = fileURLToPath(new URL('./lmdb-child.js', import.meta.url));

/** The file of an LMDB environment, in its folder. */
export const lmdbFile = 'data.mdb';

/** Reads the LMDB environment in `folder` from one end to the other, and changes nothing in it. */
export async function walkLmdb<K extends keyof LmdbWalks>(
  kind: K,
  folder: string,
  onEntries: (entries: number) => void,
): Promise<Walked<LmdbWalks[K]>> {
  // LMDB writes to the lock file beside the data, even of a reader: so it gets another folder.
  const scratch = await mkdtemp(path.join(tmpdir(), 'tally-verify-'));
  try {
    await symlink(path.join(folder, lmdbFile), path.join(scratch, lmdbFile));
    return await walkInProcess(kind, scratch, onEntries);
  } finally {
    await rm(scratch, { recursive: true });
  }
}

function walkInProcess<K extends keyof LmdbWalks>(
  kind: K,
  folder: string,
  onEntries: (entries: number) => void,
): Promise<Walked<LmdbWalks[K]>> {
  return new Promise((resolve, reject) => {
    const walker = fork(child, [kind, folder], {
      serialization: 'advanced',
      execArgv: [],
      // What it prints while it dies says nothing to an operator.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    let walked: Walked<LmdbWalks[K]> | undefined;
    walker.on('message', (message: LmdbMessage<LmdbWalks[K]>) => {
      if ('moreEntries' in message) onEntries(message.moreEntries);
      else if ('found' in message) walked = message;
      else walked = { fault: `is damaged: ${message.fault}` };
    });
    walker.once('error', reject);
    walker.once('close', (code, signal) => {
      const fault = `is damaged: the process that read it ended with ${signal ?? `code ${code}`}`;
      resolve(walked ?? { fault });
    });
  });
}
