import type { StatusObject } from '@grpc/grpc-js';
import { Status } from 'nice-grpc';
import type { RichServerError } from 'nice-grpc-error-details';
import { failure, statusObject } from './rich-errors.js';

/** How long a client is asked to wait before it tries again: spread, so that not all come at once. */
const retryMsMin = 1000;
const retryMsMax = 3000;

/**
 * The status of a call that the server has no room for now.
 *
 * `grpc-retry-pushback-ms` is gRFC A6's: a client with a retry policy waits so long, and not as
 * long as its policy says.
 */
export function overloaded(why: string): StatusObject {
  const retryMs = someRetryMs();
  const sent = statusObject(overload(why, retryMs));
  sent.metadata.set('grpc-retry-pushback-ms', String(retryMs));
  return sent;
}

/** The same as an error, for a call that has begun to answer: no policy repeats it. */
export function overload(why: string, retryMs = someRetryMs()): RichServerError {
  return failure(Status.RESOURCE_EXHAUSTED, `${why}; try again later`, {
    reason: 'OVERLOADED',
    retryMs,
  });
}

const someRetryMs = () => retryMsMin + Math.floor(Math.random() * (retryMsMax - retryMsMin));
