import { constants } from 'node:http2';
import type { ServerInterceptingCall, ServerInterceptor } from '@grpc/grpc-js';
import { Status } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';
import { ServerReflectionService } from 'nice-grpc-server-reflection';
import { flagOf, type Limits } from '../config.js';
import { AdmissionGate, type Refusal } from './admission-gate.js';
import { CallsInProgress } from './calls-in-progress.js';
import { type GrpcCall, internalsOf } from './grpc-call.js';
import { type Gates, MessageDecoder, windowBytes } from './message-decoder.js';
import { messageBytesMaxOf, pathsOf } from './message-size.js';
import { overloaded } from './overload.js';
import { refuseCall } from './refuse-call.js';
import { failure, statusObject } from './rich-errors.js';
import { followAnswer } from './unread-answer.js';

/** What all messages that fit into a window may have together, if they do not come at once. */
const smallBytesMax = 2 * 1024 * 1024;

/**
 * Health checks in progress, nearly all of them watches: anybody may make one, without a token, and so
 * they have places of their own. One more ends the oldest of the connection with most.
 */
const healthChecksMax = 100;
const healthPaths: ReadonlySet<string> = new Set(pathsOf(HealthDefinition));
/** A stream of short requests, and no upload. */
const reflectionPath = ServerReflectionService.serverReflectionInfo.path;

/** How full the server is. */
export interface AdmissionStats {
  readonly calls: number;
  readonly streams: number;
  /** Of messages that are let in, by their gate. */
  readonly admittedBytes: { readonly small: number; readonly large: number };
  readonly waitingCalls: { readonly small: number; readonly large: number };
  readonly waitingBytes: { readonly small: number; readonly large: number };
}

/** Bounds the calls in progress, and the memory of their messages (admission-gate.ts). */
export interface Admissions {
  readonly interceptor: ServerInterceptor;
  stats(): AdmissionStats;
  /**
   * From now on refuses calls that come, but for health checks; resolves when those in progress are
   * over.
   */
  drain(): Promise<void>;
  /** Ends the calls that are not answered yet, because the server ends. */
  refuseAll(): void;
}

export function createAdmissions(limits: Limits): Admissions {
  const { callsMax, streamsMax, messageBytesPerSecondMin } = limits;
  const gates = createGates(limits);
  const calls = new CallsInProgress(callsMax);
  const healthChecks = new CallsInProgress(healthChecksMax);
  let streams = 0;
  let isDraining = false;
  let onDrained = () => {};
  const interceptor: ServerInterceptor = ({ path, requestStream, responseStream }, innerCall) => {
    const call = internalsOf(innerCall);
    // Refused already: it takes no place.
    if (call.cancelled) return call;
    const isHealthCheck = healthPaths.has(path);
    if (isDraining && !isHealthCheck)
      return refuseCall(call, stopping('nothing of this call was done'));
    const places = isHealthCheck ? healthChecks : calls;
    if (!places.makeRoom()) {
      return refused(call, `the server has ${callsMax} calls in progress, ${atMost('callsMax')}`);
    }
    const isStream = requestStream && path !== reflectionPath;
    if (isStream && streams >= streamsMax) {
      return refused(call, `${streamsMax} streams are being sent, ${atMost('streamsMax')}`);
    }
    if (isStream) streams++;
    const onRefused = (limit: Refusal, isSmall: boolean) =>
      call.sendStatus(overloaded(sentences[limit](limits, isSmall)));
    const decoder = new MessageDecoder(call, messageBytesMaxOf(path, limits), gates, onRefused);
    call.decoder = decoder;
    const startRead = call.startRead.bind(call);
    call.startRead = () => {
      decoder.expectMore();
      startRead();
    };
    // Any other answer has one message, and is sent when it is there.
    const answer = responseStream ? followAnswer(call) : undefined;
    const leave = places.enter(call.stream.session ?? call, {
      isAnswered: () => call.stream.writableEnded,
      isSlow: (nowMs) =>
        isHealthCheck ||
        decoder.isSlow(nowMs, messageBytesPerSecondMin) ||
        answer?.isSlow(nowMs, messageBytesPerSecondMin) === true,
      giveUp() {
        // Of an answer that is not taken nothing more can be sent.
        if (call.stream.writableEnded) call.stream.close(constants.NGHTTP2_CANCEL);
        else if (answer?.isSending) answer.drop();
        else call.sendStatus(overloaded(isHealthCheck ? tooManyHealthChecks : givenUp(limits)));
      },
      refuse: () => call.sendStatus(stopping(notInTime)),
    });
    // It comes once: `once` would cost a wrapper.
    call.stream.on('close', () => {
      leave();
      if (isStream) streams--;
      decoder.close();
      if (isDraining && calls.isEmpty) onDrained();
    });
    return call;
  };
  const both = (of: 'admittedBytes' | 'waitingCalls' | 'waitingBytes') => ({
    small: gates.small[of],
    large: gates.large[of],
  });
  return {
    interceptor,
    stats: () => ({
      calls: calls.count,
      streams,
      admittedBytes: both('admittedBytes'),
      waitingCalls: both('waitingCalls'),
      waitingBytes: both('waitingBytes'),
    }),
    drain() {
      isDraining = true;
      return new Promise((resolve) => {
        onDrained = resolve;
        if (calls.isEmpty) resolve();
      });
    },
    refuseAll() {
      calls.refuseAll();
      healthChecks.refuseAll();
    },
  };
}

const notInTime =
  'this call has not ended in time (--drain-ms); what it was to change may have been changed or not';

const stopping = (what: string) =>
  statusObject(
    failure(Status.UNAVAILABLE, `the server is stopping, and ${what}`, { reason: 'STOPPING' }),
  );

function createGates(limits: Limits): Gates {
  const { admittedBytesMax } = limits;
  return {
    small: new AdmissionGate({ ...limits, bytesMax: smallBytesMax }),
    large: new AdmissionGate({ ...limits, bytesMax: admittedBytesMax }),
    largeBytesMax: admittedBytesMax,
  };
}

const refused = (call: ServerInterceptingCall & GrpcCall, why: string) =>
  refuseCall(call, overloaded(why));

const atMost = (limit: keyof Limits) => `as many as may (${flagOf(limit)})`;

/** What a client is told whose message meets a limit of its gate. */
const sentences: Record<Refusal, (limits: Limits, isSmall: boolean) => string> = {
  waitingCallsMax: ({ waitingCallsMax, ...limits }, isSmall) =>
    `${full(limits, isSmall)}, and ${waitingCallsMax} calls wait, ${atMost('waitingCallsMax')}`,
  waitingBytesMax: ({ waitingBytesMax, ...limits }, isSmall) =>
    `${full(limits, isSmall)}, and messages of ${waitingBytesMax} bytes wait, ` +
    atMost('waitingBytesMax'),
  waitMsMax: ({ waitMsMax, ...limits }, isSmall) =>
    `${full(limits, isSmall)}, and this one has waited ${waitMsMax} ms, ` +
    `as long as it may (${flagOf('waitMsMax')})`,
  messageBytesPerSecondMin: ({ messageBytesPerSecondMin }) =>
    `the message comes slowly while others wait: at least ${messageBytesPerSecondMin} bytes a ` +
    `second are asked for then (${flagOf('messageBytesPerSecondMin')})`,
};

const tooManyHealthChecks = `${healthChecksMax} health checks are in progress, and others have come`;

const givenUp = ({ callsMax, messageBytesPerSecondMin }: Limits) =>
  `the server has ${callsMax} calls in progress, ${atMost('callsMax')}, and this one waits for its ` +
  `client: at least ${messageBytesPerSecondMin} bytes a second are asked for then ` +
  `(${flagOf('messageBytesPerSecondMin')})`;

function full({ admittedBytesMax }: Pick<Limits, 'admittedBytesMax'>, isSmall: boolean): string {
  if (isSmall)
    return `the server holds messages of up to ${windowBytes} bytes with ${smallBytesMax} bytes`;
  return `the server holds messages with ${admittedBytesMax} bytes (${flagOf('admittedBytesMax')})`;
}
