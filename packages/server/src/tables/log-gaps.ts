import { findCheckpoints } from './checkpoint-list.js';
import { damagedCheckpoint, fileOf, missingCommit } from './log-errors.js';

/**
 * Throws ForeignLogError if a commit before `version` is neither among `commits`, the names of those
 * in the log, nor in a checkpoint: a sum must leave nothing out.
 */
export async function checkCommitsBefore(
  version: number,
  commits: ReadonlySet<string>,
  log: string,
): Promise<void> {
  const missingFrom = (from: number): number | undefined => {
    let first = from;
    while (first < version && commits.has(fileOf(first))) first++;
    return first < version ? first : undefined;
  };
  if (missingFrom(0) === undefined) return;
  const { sound, faults } = await findCheckpoints(log);
  const lacking = missingFrom((sound[0] ?? -1) + 1);
  if (lacking === undefined) return;
  const [fault] = faults;
  throw fault === undefined ? missingCommit(lacking) : damagedCheckpoint(fault.file, fault.what);
}
