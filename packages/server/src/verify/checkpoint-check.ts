import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Checkpoint, withCheckpoint } from '../tables/checkpoint-file.js';
import { checkpointFile, faultOf, findCheckpoints, versionIn } from '../tables/checkpoint-list.js';
import type { ChunkRow } from '../tables/checkpoint-rows.js';
import { lastCheckpointFault, lastCheckpointFile } from '../tables/last-checkpoint.js';
import { fileOf } from '../tables/log-errors.js';
import { writeCheckpoint } from '../tables/make-checkpoint.js';

export interface CheckedCheckpoints {
  /** What the walk over the log must begin with; undefined: with its first commit. */
  readonly base: number | undefined;
  readonly faults: readonly CheckpointProblem[];
}

export interface CheckpointProblem {
  readonly file: string;
  readonly what: string;
  readonly toDo: string;
}

const restoreLog = 'restore the whole log from a backup: what it named cannot be known otherwise';
const moveAway = 'move it elsewhere: the rest of the log has what it should hold';

/**
 * Checks the checkpoints of a log: each by its checksums, and against what the commits since the
 * one before it, or all commits, come to.
 */
export async function checkCheckpoints(log: string): Promise<CheckedCheckpoints> {
  const commits = commitsIn(await readdir(log));
  const found = await findCheckpoints(log);
  const damaged = [...found.faults];
  const sound: number[] = [];
  for (const version of found.sound.toReversed()) {
    const what = await faultOf(path.join(log, checkpointFile(version)), readAll);
    if (what === undefined) sound.push(version);
    else damaged.push({ file: checkpointFile(version), what });
  }
  // The first from which on nothing is missing: -1 is the beginning of the log.
  const start = [-1, ...sound].find((version) => commits.missingFrom(version + 1) === undefined);
  const base = start ?? sound[0] ?? -1;
  const isLost = base === -1 && commits.missingFrom(0) === 0;
  const toDo = isLost ? restoreLog : moveAway;
  const faults = damaged.map((fault) => ({ ...fault, toDo }));
  const gap = commits.missingFrom((sound[0] ?? base) + 1);
  if (gap !== undefined && gap <= base) {
    const what = `is missing, but ${checkpointFile(base)} has what it said`;
    faults.push({ file: fileOf(gap), what, toDo: 'see what has removed it; no chunk is lost' });
  }
  for (const version of sound) {
    if (version <= base) continue;
    const what = await contradiction(log, base === -1 ? undefined : base, version);
    if (what !== undefined) faults.push({ file: checkpointFile(version), what, toDo: moveAway });
  }
  const ofLast = await lastCheckpointFault(log, found.files);
  if (ofLast !== undefined) faults.push({ file: lastCheckpointFile, what: ofLast, toDo: moveAway });
  return { base: base === -1 ? undefined : base, faults };
}

/** Finds gaps among the commits. */
function commitsIn(names: readonly string[]) {
  const commits = new Set(names.filter((name) => versionIn(name, 'json') !== undefined));
  const latest = [...commits].map((name) => versionIn(name, 'json') ?? 0).reduce(greater, -1);
  return {
    /** The first version from `first` on that is missing, with later ones there. */
    missingFrom(first: number): number | undefined {
      let version = first;
      while (version <= latest && commits.has(fileOf(version))) version++;
      return version <= latest ? version : undefined;
    },
  };
}

const greater = (a: number, b: number) => Math.max(a, b);

async function readAll({ groups, rowsOf }: Checkpoint): Promise<undefined> {
  for (const group of groups) await rowsOf(group);
}

/** What is wrong with a checkpoint, compared with the one before it and the commits in between. */
async function contradiction(
  log: string,
  base: number | undefined,
  version: number,
): Promise<string | undefined> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tally-verify-'));
  const made = path.join(folder, checkpointFile(version));
  try {
    await writeCheckpoint(made, log, base, version, false);
    return await faultOf(path.join(log, checkpointFile(version)), (found) =>
      withCheckpoint(made, async (expected) =>
        (await isSame(found, expected)) ? undefined : 'does not hold what the commits say',
      ),
    );
  } catch {
    // A commit that cannot be read is told of where the log is read.
    return undefined;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function isSame(a: Checkpoint, b: Checkpoint): Promise<boolean> {
  const headOf = ({ version, digest, metaData, chunks, removed }: Checkpoint) =>
    JSON.stringify([version, digest, metaData, chunks, removed]);
  if (headOf(a) !== headOf(b)) return false;
  const [ofA, ofB] = [allRows(a), allRows(b)];
  for await (const row of ofA) {
    const { value } = await ofB.next();
    if (JSON.stringify(row) !== JSON.stringify(value)) return false;
  }
  return true;
}

async function* allRows({ groups, rowsOf }: Checkpoint): AsyncGenerator<ChunkRow, undefined> {
  for (const group of groups) yield* await rowsOf(group);
}
