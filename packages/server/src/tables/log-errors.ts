/** The log holds something that Tally did not write, or cannot read: the table is stopped. */
export class ForeignLogError extends Error {}

/** A commit has its name in the log, but it is not known whether it will survive. */
export class UncertainCommitError extends Error {}

export function throwUncertain(cause: NodeJS.ErrnoException): never {
  throw new UncertainCommitError(
    `its log could not be written to the disk (${cause.code}): once the disk is well, restart the ` +
      'server; then each chunk is there as a whole or not at all',
    { cause },
  );
}

/** The name of a commit's file. */
export const fileOf = (version: number) => `${String(version).padStart(20, '0')}.json`;

export const missingCommit = (version: number) =>
  new ForeignLogError(
    `the table's log (_delta_log/${fileOf(version)}) is missing, but later commits are there`,
  );

/** A checkpoint that is needed, because it has taken the place of commits, is damaged. */
export const damagedCheckpoint = (file: string, what: string) =>
  new ForeignLogError(
    `the table's log (_delta_log/${file}) ${what}; restore it from a backup, as the commits that it ` +
      'has taken the place of are not there any more',
  );
