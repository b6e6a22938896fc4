import type { ServerHttp2Stream } from 'node:http2';
import type { Metadata, ServerInterceptingCall, ServerInterceptor } from '@grpc/grpc-js';
import type { CallRecord } from '../observe/call-record.js';

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
  /** The headers that the client has sent. */
  readonly metadata: Metadata;
  /** Gets every piece of the stream; gives back the messages that it completes, prefix included. */
  decoder: { write(data: Buffer): Buffer[] } & Partial<RequestProgress>;
  decompressMessage(message: Buffer, encoding: string): Buffer | Promise<Buffer>;
  /** A message of the answer, prefix included. */
  serializeMessage(message: unknown): Buffer;
  /** Has the decoder write a piece, and takes what comes back. */
  handleDataFrame(data: Buffer): void;
  /** Whether the next message is wanted. */
  readonly isReadPending: boolean;
  readonly receivedHalfClose: boolean;
  /** Whether nobody waits for the answer: it has been sent, or the stream is gone. */
  readonly cancelled: boolean;
  /** Tally's own: what is seen of the call. */
  record?: CallRecord;
}

/** What has come of a request, as Tally's decoder knows it. */
export interface RequestProgress {
  readonly totalBytes: number;
}

/** Throws an Error if the call is none that this code knows. */
export function internalsOf(call: Call): ServerInterceptingCall & GrpcCall {
  const { stream, decoder, handleDataFrame } = call as Partial<GrpcCall>;
  if (stream === undefined || decoder === undefined || handleDataFrame === undefined) {
    throw new Error('this version of @grpc/grpc-js assembles messages elsewhere');
  }
  return call as unknown as ServerInterceptingCall & GrpcCall;
}
