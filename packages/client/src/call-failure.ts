import { CommandError, exitCodes } from './exit-codes.js';
import { TallyError } from './sdk/index.js';

/**
 * Turns what a failed call has thrown into a CommandError with a sentence for the user.
 *
 * Anything but a TallyError is a fault of this program, or a CommandError already, and returned as it is.
 */
export function callFailure(error: unknown, address: string): unknown {
  if (!(error instanceof TallyError)) return error;
  const { code, sentence, method, attempts } = error;
  const details = attempts > 1 ? `${sentence}; tried ${attempts} times` : sentence;
  if (code === 'UNAVAILABLE') {
    return new CommandError(
      `${method} did not get through to the server at ${address} (${details}): see whether it is ` +
        'still running, then try again.',
      exitCodes.unreachable,
      { cause: error },
    );
  }
  if (code === 'UNIMPLEMENTED') {
    return new CommandError(
      `The server at ${address} does not offer ${method}: it may have been started with ` +
        '--services without that service.',
      exitCodes.serviceError,
      { cause: error },
    );
  }
  if (code === 'DEADLINE_EXCEEDED') {
    return new CommandError(
      `${method} of the server at ${address} took longer than its deadline: allow more time with ` +
        '--deadline.',
      exitCodes.serviceError,
      { cause: error },
    );
  }
  const hint = hints[error.reason ?? ''];
  return new CommandError(
    `${code}: ${details}${hint === undefined ? '' : ` (${hint})`}`,
    exitCodes.serviceError,
    { cause: error },
  );
}

/** Which commands make the calls that the server's sentence names, by the error's reason. */
const hints: Readonly<Record<string, string>> = {
  TABLE_NOT_FOUND: 'tally tables create, tally tables',
  COLUMN_NOT_FOUND: 'tally describe',
  CHUNK_NOT_FOUND: 'tally chunks',
  TOKEN_MISSING: '--token-from, or TALLY_TOKEN',
};
