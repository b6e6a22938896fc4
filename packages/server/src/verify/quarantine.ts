import { appendFile, mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { syncPath } from '../sync-path.js';

/** Where a repair moves what is incomplete: nothing is ever deleted. */
export interface Quarantine {
  /** Moves what is at a path below the data folder; resolves to its new path below it. */
  move(file: string, why: string): Promise<string>;
  /** The folder's path below the data folder; undefined if nothing was moved. */
  folder(): string | undefined;
  /** Makes what was moved survive a power loss. */
  close(): Promise<void>;
}

/** The list of what was moved, a line of JSON each. */
const listFile = 'moved.jsonl';

export function createQuarantine(dataDir: string): Quarantine {
  const folder = path.join('quarantine', new Date().toISOString().replaceAll(':', '-'));
  const list = path.join(dataDir, folder, listFile);
  const changed = new Set<string>();
  let isMade = false;
  return {
    async move(file, why) {
      const to = path.join(folder, file);
      const [from, target] = [path.join(dataDir, file), path.join(dataDir, to)];
      await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
      isMade = true;
      // First: the list must have whatever is there.
      await appendFile(list, `${JSON.stringify({ from: file, to, why })}\n`);
      await rename(from, target);
      for (const moved of [from, target]) changed.add(path.dirname(moved));
      return to;
    },
    folder: () => (isMade ? folder : undefined),
    async close() {
      if (!isMade) return;
      const parents = [path.dirname(list), path.join(dataDir, 'quarantine'), dataDir];
      for (const made of [list, ...changed, ...parents]) await syncPath(made);
    },
  };
}
