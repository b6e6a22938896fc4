/** What the exit code of `tally` says. */
export const exitCodes = {
  /** Everything went right. */
  right: 0,
  /** The service was reached and reported an error. */
  serviceError: 1,
  /** A check has found problems. */
  problemsFound: 1,
  /** The command was used wrongly: an option, an argument or a file. */
  wrongUsage: 2,
  /** The server cannot be reached, or the connection to it was lost. */
  unreachable: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Thrown when a command cannot go on: the message is one sentence that tells the user why. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    message: string,
    readonly exitCode: ExitCode,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
