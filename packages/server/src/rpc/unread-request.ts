import { constants } from 'node:http2';
import type { GrpcCall } from './grpc-call.js';

/**
 * Ends the stream of a call that has been answered before its request is complete.
 *
 * Otherwise the stream stays, and is read, for as long as its client likes. RFC 9113, section 8.1:
 * a reset without an error after the answer asks the client to stop sending.
 */
export function dropUnreadRequest({ stream, receivedHalfClose }: GrpcCall): void {
  if (receivedHalfClose) return;
  // A turn later: from Node 26 on, a reset in the same turn goes before the answer, and in its place.
  const drop = () =>
    setImmediate(() => {
      if (!stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  // The status of an answer that has a message follows it, once that has been written.
  if (stream.sentHeaders?.['grpc-status'] === undefined) stream.once('wantTrailers', drop);
  else drop();
}
