import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { open } from 'lmdb';

/**
 * What must be remembered of the whole log, on disk: the memory of the check does not grow with
 * the number of chunks.
 */
export interface Scratch {
  addCommit(file: string): void;
  /** The names of commits, in order. */
  commits(): Iterable<string>;
  /** Remembers that a commit names a chunk; returns the commit that named it before, if one did. */
  addChunk(id: string, commit: string): string | undefined;
  hasChunk(id: string): boolean;
  close(): Promise<void>;
}

/** Writes that are kept until they are committed together. */
const batchMax = 4096;

export async function openScratch(): Promise<Scratch> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tally-verify-'));
  const environment = open({ path: folder, maxDbs: 2, noSync: true });
  const commits = environment.openDB<true, string>('commits', {});
  const chunks = environment.openDB<string, string>('chunks', {});
  // It is open, so it stays until it is closed, and is gone then however the process ends.
  await rm(folder, { recursive: true });
  const batch = new Map<string, true>();
  const named = new Map<string, string>();

  function flush(): void {
    environment.transactionSync(() => {
      for (const [file, value] of batch) commits.putSync(file, value);
      for (const [id, commit] of named) chunks.putSync(id, commit);
    });
    batch.clear();
    named.clear();
  }

  return {
    addCommit(file) {
      batch.set(file, true);
      if (batch.size >= batchMax) flush();
    },
    commits() {
      flush();
      return commits.getKeys();
    },
    addChunk(id, commit) {
      const before = named.get(id) ?? chunks.get(id);
      if (before !== undefined) return before;
      named.set(id, commit);
      if (named.size >= batchMax) flush();
      return undefined;
    },
    hasChunk: (id) => named.has(id) || chunks.doesExist(id),
    close: () => environment.close(),
  };
}
