import type { ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptingCall, ServerInterceptor } from '@grpc/grpc-js';

/** A call as grpc-js hands it to an interceptor: what its types promise of it. */
export type Call = Parameters<ServerInterceptor>[1];

/**
 * What is used of grpc-js's own call object (`BaseServerInterceptingCall` of 1.14.7) besides.
 *
 * Messages are assembled below any interceptor, so whoever wants a say in that must be there.
 * Interceptors here hand on this very object: one wrapped around it costs a tenth of a cached Fact.
 */
export interface GrpcCall {
  readonly stream: ServerHttp2Stream;
  /** Gets every piece of the stream; gives back the messages that it completes, prefix included. */
  decoder: { write(data: Buffer): Buffer[] };
  decompressMessage(message: Buffer, encoding: string): Buffer | Promise<Buffer>;
  /** Has the decoder write a piece, and takes what comes back. */
  handleDataFrame(data: Buffer): void;
  /** Whether the next message is wanted. */
  readonly isReadPending: boolean;
  readonly receivedHalfClose: boolean;
  /** Whether nobody waits for the answer: it has been sent, or the stream is gone. */
  readonly cancelled: boolean;
}

/** Throws an Error if the call is none that this code knows. */
export function internalsOf(call: Call): ServerInterceptingCall & GrpcCall {
  const { stream, decoder, handleDataFrame } = call as Partial<GrpcCall>;
  if (stream === undefined || decoder === undefined || handleDataFrame === undefined) {
    throw new Error('this version of @grpc/grpc-js assembles messages elsewhere');
  }
  return call as unknown as ServerInterceptingCall & GrpcCall;
}
