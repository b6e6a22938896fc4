import { Metadata, type StatusObject, status } from '@grpc/grpc-js';

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
  const metadata = new Metadata();
  const retryMs = retryMsMin + Math.floor(Math.random() * (retryMsMax - retryMsMin));
  metadata.set('grpc-retry-pushback-ms', String(retryMs));
  return { code: status.RESOURCE_EXHAUSTED, details: `${why}; try again later`, metadata };
}
