import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { checkpointFile } from './checkpoint-list.js';

/** Says which checkpoint is the newest, for readers that do not want to list the log. */
export const lastCheckpointFile = '_last_checkpoint';

/** What it says of a checkpoint. */
export interface LastCheckpoint {
  readonly version: number;
  /** Its rows. */
  readonly size: number;
  readonly sizeInBytes: number;
  readonly numOfAddFiles: number;
}

/** The text of the file. */
export const lastCheckpointText = (last: LastCheckpoint): string =>
  JSON.stringify({ ...last, checksum: checksumOf({ ...last }) });

/** PROTOCOL.md, "JSON checksum", for fields that are numbers. */
function checksumOf(fields: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(fields).map(([name, value]) => `${JSON.stringify(name)}=${value}`);
  return createHash('md5').update(pairs.sort().join()).digest('hex');
}

/** What is wrong with the file, as the end of a sentence; undefined if nothing is, or it is missing. */
export async function lastCheckpointFault(
  log: string,
  checkpoints: readonly string[],
): Promise<string | undefined> {
  let last: unknown;
  try {
    last = JSON.parse(await readFile(path.join(log, lastCheckpointFile), 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Each checkpoint is there before the file says so.
    if (code === 'ENOENT') return undefined;
    return code === undefined ? 'is damaged: it is no JSON' : `cannot be read (${code})`;
  }
  const { checksum, ...fields } = (last ?? {}) as Record<string, unknown>;
  if (checksum === undefined) return 'is not of Tally: it has no checksum';
  if (checksum !== checksumOf(fields)) return 'is damaged: its checksum is wrong';
  const named = checkpointFile(Number(fields.version));
  return checkpoints.includes(named) ? undefined : `names ${named}, which is not there`;
}
