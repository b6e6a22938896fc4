import { getSystemErrorName } from 'node:util';

/** What lmdb rejects with when a commit fails: the reason comes later, and its code is a number. */
interface FailedCommit extends Error {
  readonly commitError: Promise<never>;
}

const isFailedCommit = (error: unknown): error is FailedCommit =>
  error instanceof Error && 'commitError' in error;

/** The reason for a failed commit, with the code that Node gives a failure of the system. */
export async function commitFailure(error: unknown): Promise<unknown> {
  if (!isFailedCommit(error)) return error;
  const reason: { message: string; code: number } = await error.commitError.catch((why) => why);
  const code = reason.code > 0 ? getSystemErrorName(-reason.code) : reason.code;
  return Object.assign(new Error(`the commit failed: ${reason.message}`, { cause: error }), {
    code,
  });
}

/**
 * For `unhandledRejection`: for a failed commit lmdb also rejects a promise of its own that no
 * caller ever sees, and that would end the process.
 */
export function ignoreFailedCommit(error: unknown): void {
  if (!isFailedCommit(error)) throw error;
}
