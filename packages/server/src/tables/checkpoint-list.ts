import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { CheckpointFault, CheckpointGone, withCheckpoint } from './checkpoint-file.js';

/** The name of a version's checkpoint. */
export const checkpointFile = (version: number) =>
  `${String(version).padStart(20, '0')}.checkpoint.parquet`;

/** The version of a checkpoint or a commit by its file's name; undefined for other files. */
export function versionIn(name: string, kind: 'checkpoint.parquet' | 'json'): number | undefined {
  const isOfKind = /^[0-9]{20}\./.test(name) && name.slice(21) === kind;
  return isOfKind ? Number(name.slice(0, 20)) : undefined;
}

/** The versions of the checkpoints in a log, the newest first. */
export function checkpointVersions(names: readonly string[]): number[] {
  const versions = names.map((name) => versionIn(name, 'checkpoint.parquet'));
  return versions.filter((version) => version !== undefined).sort((a, b) => b - a);
}

/** Checkpoints of a log, and what is wrong with others. */
export interface FoundCheckpoints {
  /** The names of all. */
  readonly files: readonly string[];
  /** Versions of those whose footer is as Tally wrote it, the newest first. */
  readonly sound: readonly number[];
  /** Sentences' ends that begin with the file. */
  readonly faults: { readonly file: string; readonly what: string }[];
}

/** Looks at the checkpoints of the log in `folder`. */
export async function findCheckpoints(folder: string): Promise<FoundCheckpoints> {
  const sound: number[] = [];
  const faults: { file: string; what: string }[] = [];
  const versions = checkpointVersions(await readdir(folder));
  for (const version of versions) {
    const file = checkpointFile(version);
    try {
      const found = await withCheckpoint(path.join(folder, file), async ({ version }) => version);
      if (found === version) sound.push(version);
      else faults.push({ file, what: `is of version ${found}` });
    } catch (error) {
      if (!(error instanceof CheckpointFault)) throw error;
      if (!(error instanceof CheckpointGone)) faults.push({ file, what: error.message });
    }
  }
  return { files: versions.map(checkpointFile), sound, faults };
}

type Check = Parameters<typeof withCheckpoint<string | undefined>>[1];

/** What is wrong with a checkpoint, by its footer and by `check`; undefined if nothing is. */
export async function faultOf(file: string, check: Check): Promise<string | undefined> {
  try {
    return await withCheckpoint(file, check);
  } catch (error) {
    if (error instanceof CheckpointFault) return error.message;
    throw error;
  }
}
