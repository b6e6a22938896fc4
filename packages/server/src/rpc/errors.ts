import { constants } from 'node:os';
import { type CallContext, ServerError, type ServerMiddlewareCall, Status } from 'nice-grpc';
import { StoppedError } from '../lmdb-failure.js';
import { logger } from '../logger.js';
import { detailsName, detailsOf, failure, type Reason } from './rich-errors.js';

/** How long a client is asked to wait until files may have been closed. */
const filesRetryMs = 1000;

const tooManyFiles = [
  Status.RESOURCE_EXHAUSTED,
  'the server has too many files open; try again',
  { reason: 'TOO_MANY_FILES_OPEN', retryMs: filesRetryMs },
] as const;

/** The code and sentence for a failure of the operating system that a client can act on. */
const systemErrors: Readonly<Record<string, readonly [Status, string, Reason]>> = {
  ENOSPC: [
    Status.RESOURCE_EXHAUSTED,
    'the disk of the server is full; nothing was changed',
    { reason: 'DISK_FULL' },
  ],
  EDQUOT: [
    Status.RESOURCE_EXHAUSTED,
    "the server's disk quota is used up; nothing was changed",
    { reason: 'DISK_QUOTA_USED_UP' },
  ],
  // A file may grow no more, or LMDB could write a part only, which is how it meets a full disk.
  EFBIG: [
    Status.RESOURCE_EXHAUSTED,
    'a file of the server is at its largest; nothing was changed',
    { reason: 'FILE_AT_ITS_LARGEST' },
  ],
  EIO: [
    Status.UNAVAILABLE,
    'the disk of the server is full or failing; nothing was changed',
    { reason: 'DISK_FAILING' },
  ],
  EROFS: [
    Status.FAILED_PRECONDITION,
    'the disk of the server is read-only; nothing was changed',
    { reason: 'DISK_READ_ONLY' },
  ],
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
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
    const status = statusOf(error, call.method.path);
    const details = detailsOf(status);
    if (details !== undefined) context.trailer.set(detailsName, details);
    throw status;
  }
}

/** The status of a call of `path` that has thrown `error`; a fault of the server is logged. */
export function statusOf(error: unknown, path: string): ServerError {
  if (error instanceof ServerError) return error;
  if (error instanceof StoppedError) {
    return failure(Status.UNAVAILABLE, error.message, { reason: 'STOPPED_UNTIL_RESTART' });
  }
  const known = knownError(error);
  logger.error({ err: error, method: path }, 'the server failed to handle a call');
  if (known !== undefined) return failure(...known);
  return failure(
    Status.INTERNAL,
    "the server failed to handle this call; the server's log says why",
    { reason: 'INTERNAL' },
  );
}

/**
 * The sentence for a call of `path` that has thrown a failure of the operating system, which is
 * logged: for methods whose answer has a place for it. Undefined for any other error.
 */
export function systemErrorSentence(error: unknown, path: string): string | undefined {
  const known = knownError(error);
  if (known !== undefined) logger.error({ err: error, method: path }, known[1]);
  return known?.[1];
}

const knownError = (error: unknown) => systemErrors[systemCode(error) ?? ''];

const systemNames = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name] as const),
);

/** The operating system's code of an error; one from another thread has it in its message only. */
function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  // LMDB's are numbers, and beyond those of the system its own.
  if (typeof code === 'number') return systemNames.get(code);
  return (code as string | undefined) ?? /^(E[A-Z0-9]+): /.exec(error.message)?.[1];
}
