import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { type ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { CallContext, ServerMiddlewareCall } from 'nice-grpc';
import { type GrpcCall, internalsOf } from '../rpc/grpc-call.js';
import { CallRecord, noStages, type Stages } from './call-record.js';

/** Told of each call when it is over. */
export type CallObserver = (record: CallRecord) => void;

/** The calls in progress, and what is seen of them. */
export interface ObservedCalls {
  readonly interceptor: ServerInterceptor;
  /** To be told of each stream after grpc-js was: it answers some without any interceptor. */
  onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void;
  /** By their ids, as long as they last. */
  readonly inProgress: ReadonlyMap<string, CallRecord>;
}

/** What a handler of nice-grpc is given besides its own context. */
export interface Observed {
  readonly stages: Stages;
}

const peers = new WeakMap<object, string>();

/** Who calls; of a connection it is always the same. */
function peerOf(call: ServerInterceptingCall & GrpcCall): string {
  const { session } = call.stream;
  const known = session && peers.get(session);
  if (known !== undefined) return known;
  const peer = call.getPeer();
  if (session !== undefined) peers.set(session, peer);
  return peer;
}

/** Tells nice-grpc's handlers of a call which one it is. */
export function passCallId({ record, metadata }: GrpcCall): void {
  if (record !== undefined) metadata.set(idName, record.id);
}

/** The metadata that takes a call's id to nice-grpc's handlers; a client's own is written over. */
const idName = 'tally-call-id';

/**
 * Follows each call from its headers to the end of its stream.
 *
 * `isTraced`: whether the single spans of a call with this `traceparent` are wanted.
 */
export function observeCalls(
  isTraced: (traceParent: string | undefined) => boolean,
  observer: CallObserver,
): ObservedCalls {
  const inProgress = new Map<string, CallRecord>();
  const server = randomBytes(4).toString('hex');
  let count = 0;
  const nextId = () => `${server}-${(++count).toString(36)}`;
  // Of the call that came last: interceptors run while its stream is told of.
  let intercepted: ServerHttp2Stream | undefined;

  const interceptor: ServerInterceptor = ({ path }, innerCall) => {
    const call = internalsOf(innerCall);
    intercepted = call.stream;
    const id = nextId();
    const parent = call.metadata.get('traceparent')[0]?.toString();
    const record = new CallRecord(id, path, peerOf(call), parent, isTraced(parent));
    inProgress.set(id, record);
    call.record = record;
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (sent) => {
      if (record.code === undefined && !call.cancelled && !call.stream.destroyed) {
        record.code = sent.code ?? status.UNKNOWN;
        if (record.code !== status.OK) record.details = sent.details ?? '';
      }
      sendStatus(sent);
    };
    const serializeMessage = call.serializeMessage.bind(call);
    call.serializeMessage = (message) => {
      const refusal = refusalOf(message);
      if (refusal !== undefined) {
        record.isRefused = true;
        record.details = refusal;
      }
      const bytes = serializeMessage(message);
      record.responseBytes += bytes.length;
      return bytes;
    };
    // It comes once: `once` would cost a wrapper.
    call.stream.on('close', () => {
      inProgress.delete(id);
      record.endMs = performance.now();
      noteRequest(record, call);
      observer(record);
    });
    // The call as it is: another one wrapped around it costs time too.
    return call;
  };

  function onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const isIntercepted = intercepted === stream;
    intercepted = undefined;
    if (isIntercepted) return;
    const path = String(headers[':path']).slice(0, unknownPathMax);
    const record = new CallRecord(nextId(), path, peerOfSocket(stream), undefined, false);
    record.isUnknown = true;
    record.code = status.UNIMPLEMENTED;
    record.details = isGrpc(headers)
      ? 'there is no such method'
      : 'the content type is not application/grpc';
    stream.on('close', () => {
      record.endMs = performance.now();
      observer(record);
    });
  }

  return { interceptor, onStream, inProgress };
}

/** More of what a client calls a method that there is not is left out. */
const unknownPathMax = 200;

const isGrpc = (headers: IncomingHttpHeaders) =>
  headers['content-type']?.startsWith('application/grpc') === true;

function peerOfSocket({ session }: ServerHttp2Stream): string {
  const { remoteAddress, remotePort } = session?.socket ?? {};
  return remoteAddress === undefined ? 'unknown' : `${remoteAddress}:${remotePort}`;
}

/** What an answer that is one says of its refusal: those of frozen methods have a field for it. */
function refusalOf(message: unknown): string | undefined {
  const { error } = message as { readonly error?: unknown };
  return typeof error === 'string' && error !== '' ? error : undefined;
}

function noteRequest(record: CallRecord, { decoder }: GrpcCall): void {
  const { totalBytes = 0, waitedMs = 0, lastByteMs = record.startMs } = decoder;
  record.requestBytes = totalBytes;
  const { startMs } = record;
  if (waitedMs > 0) {
    record.add({ stage: 'admission wait', startMs, endMs: startMs + waitedMs, thread: undefined });
  }
  record.add({ stage: 'receive', startMs, endMs: lastByteMs, thread: undefined });
}

/** Gives nice-grpc's handlers the record of their call. */
export const stagesMiddleware = (calls: ObservedCalls | undefined) =>
  async function* withStages<Request, Response>(
    call: ServerMiddlewareCall<Request, Response, Observed>,
    context: CallContext,
  ) {
    const id = context.metadata.get(idName);
    const stages = (id !== undefined && calls?.inProgress.get(id)) || noStages;
    return yield* call.next(call.request, { ...context, stages });
  };
