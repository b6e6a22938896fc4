import { ClientError, Status } from 'nice-grpc';
import { CommandError, exitCodes } from './exit-codes.js';

/**
 * Turns what a failed call has thrown into a CommandError with a sentence for the user.
 *
 * Anything but a gRPC status is a fault of this program, and returned as it is.
 */
export function callFailure(error: unknown, address: string): unknown {
  if (!(error instanceof ClientError)) return error;
  const { code, details, path } = error;
  if (code === Status.UNAVAILABLE) {
    return new CommandError(
      `${path} did not get through to the server at ${address} (${details}): see whether it is ` +
        'still running, then try again.',
      exitCodes.unreachable,
      { cause: error },
    );
  }
  if (code === Status.UNIMPLEMENTED) {
    return new CommandError(
      `The server at ${address} does not offer ${path}: it may have been started with ` +
        '--services without that service.',
      exitCodes.serviceError,
      { cause: error },
    );
  }
  if (code === Status.DEADLINE_EXCEEDED) {
    return new CommandError(
      `${path} of the server at ${address} took longer than its deadline: allow more time with ` +
        '--deadline.',
      exitCodes.serviceError,
      { cause: error },
    );
  }
  return new CommandError(`${Status[code]}: ${details}`, exitCodes.serviceError, { cause: error });
}
