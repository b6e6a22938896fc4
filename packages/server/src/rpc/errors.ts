import { type CallContext, ServerError, type ServerMiddlewareCall, Status } from 'nice-grpc';
import { StoppedError } from '../lmdb-failure.js';

/** The code and sentence for a failure of the operating system that a client can act on. */
const systemErrors: Readonly<Record<string, readonly [Status, string]>> = {
  ENOSPC: [Status.RESOURCE_EXHAUSTED, 'the disk of the server is full; nothing was changed'],
  EDQUOT: [Status.RESOURCE_EXHAUSTED, "the server's disk quota is used up; nothing was changed"],
  // A file may grow no more, or LMDB could write a part only, which is how it meets a full disk.
  EFBIG: [Status.RESOURCE_EXHAUSTED, 'a file of the server is at its largest; nothing was changed'],
  EIO: [Status.UNAVAILABLE, 'the disk of the server is full or failing; nothing was changed'],
  EROFS: [Status.FAILED_PRECONDITION, 'the disk of the server is read-only; nothing was changed'],
  EMFILE: [Status.RESOURCE_EXHAUSTED, 'the server has too many files open; try again'],
  ENFILE: [Status.RESOURCE_EXHAUSTED, 'the server has too many files open; try again'],
};

/**
 * Turns whatever a call throws into a gRPC status with a sentence.
 *
 * What the client caused, or can act on, keeps its own sentence. Anything else is a fault of
 * the server: it is logged in full, and the client is told INTERNAL.
 */
export async function* errorMiddleware<Request, Response>(
  call: ServerMiddlewareCall<Request, Response>,
  context: CallContext,
) {
  try {
    return yield* call.next(call.request, context);
  } catch (error) {
    if (context.signal.aborted) throw error;
    throw statusOf(error, call.method.path);
  }
}

/** The status of a call of `path` that has thrown `error`; a fault of the server is logged. */
export function statusOf(error: unknown, path: string): ServerError {
  if (error instanceof ServerError) return error;
  if (error instanceof StoppedError) return new ServerError(Status.UNAVAILABLE, error.message);
  const known = knownError(error);
  console.error(`${path}:`, error);
  if (known !== undefined) return new ServerError(...known);
  return new ServerError(
    Status.INTERNAL,
    "the server failed to handle this call; the server's log says why",
  );
}

/**
 * The sentence for a call of `path` that has thrown a failure of the operating system, which is
 * logged: for methods whose answer has a place for it. Undefined for any other error.
 */
export function systemErrorSentence(error: unknown, path: string): string | undefined {
  const known = knownError(error);
  if (known !== undefined) console.error(`${path}:`, error);
  return known?.[1];
}

const knownError = (error: unknown) => systemErrors[systemCode(error) ?? ''];

/** The operating system's code of an error; one from another thread has it in its message only. */
function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return (error as NodeJS.ErrnoException).code ?? /^(E[A-Z0-9]+): /.exec(error.message)?.[1];
}
