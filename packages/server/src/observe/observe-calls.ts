import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { type ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import type { CallContext, ServerMiddlewareCall } from 'nice-grpc';
import { type GrpcCall, internalsOf } from '../rpc/grpc-call.js';
import { CallRecord, noStages, receiving, type Stages, sending } from './call-record.js';

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

  const interceptor: ServerInterceptor = ({ path, responseStream }, innerCall) => {
    const call = internalsOf(innerCall);
    intercepted = call.stream;
    const id = nextId();
    const parent = call.metadata.get('traceparent')[0]?.toString();
    const traced = isTraced(parent);
    // Several headers are one list.
    const state = traced ? call.metadata.get('tracestate').join(',') : undefined;
    const record = new CallRecord(id, path, peerOf(call), parent, state, traced);
    inProgress.set(id, record);
    call.record = record;
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (sent) => {
      if (record.code === undefined && !call.cancelled && !call.stream.destroyed) {
        record.code = sent.code ?? status.UNKNOWN;
        if (record.code !== status.OK) record.details = sent.details ?? '';
        record.enter(sending);
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
      // Of a stream others may be made while one is sent: withStages says when.
      if (!responseStream) record.enter(sending);
      const bytes = serializeMessage(message);
      record.responseBytes += bytes.length;
      return bytes;
    };
    // It comes once: `once` would cost a wrapper.
    call.stream.on('close', () => {
      inProgress.delete(id);
      record.end();
      record.requestBytes = call.decoder.totalBytes ?? 0;
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
    const record = new CallRecord(
      nextId(),
      path,
      peerOfSocket(stream),
      undefined,
      undefined,
      false,
    );
    record.isUnknown = true;
    record.code = status.UNIMPLEMENTED;
    record.details = isGrpc(headers)
      ? 'there is no such method'
      : 'the content type is not application/grpc';
    stream.on('close', () => {
      record.end();
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

/**
 * Gives nice-grpc's handlers the record of their call; notes when one waits for the next message of its
 * client, and when for its client to take one.
 */
export const stagesMiddleware = (calls: ObservedCalls | undefined) =>
  async function* withStages<Request, Response>(
    call: ServerMiddlewareCall<Request, Response, Observed>,
    context: CallContext,
  ) {
    const id = context.metadata.get(idName);
    const record = id === undefined ? undefined : calls?.inProgress.get(id);
    const observed = { ...context, stages: record ?? noStages };
    if (record === undefined) return yield* call.next(call.request, observed);
    const answer = call.requestStream
      ? call.next(receivedIn(record, call.request), observed)
      : call.next(call.request, observed);
    if (!call.responseStream) return yield* answer;
    for await (const message of answer) {
      const before = record.stage;
      record.enter(sending);
      yield message;
      record.enter(before);
    }
  };

/** The same messages; while the next one is waited for, the call receives. */
function receivedIn<Message>(
  record: CallRecord,
  messages: AsyncIterable<Message>,
): AsyncIterable<Message> {
  return {
    [Symbol.asyncIterator]() {
      const all = messages[Symbol.asyncIterator]();
      return {
        async next() {
          const before = record.stage;
          record.enter(receiving);
          const next = await all.next();
          record.enter(before);
          return next;
        },
        return: async () => (await all.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
