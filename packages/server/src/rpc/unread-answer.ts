import { constants } from 'node:http2';
import type { ServerInterceptingCall } from '@grpc/grpc-js';
import type { GrpcCall } from './grpc-call.js';

/** How far the client has taken the messages of a call's answer. */
export interface Answer {
  /** Whether a message is being sent. */
  readonly isSending: boolean;
  /** Whether the client takes it more slowly than so many bytes a second. */
  isSlow(nowMs: number, bytesPerSecondMin: number): boolean;
  /** Ends the call, of which nothing more can be sent: not even why. */
  drop(): void;
}

/** How long a message may take before its client is called slow. */
const slowGraceMs = 100;

/** By the last message of each that is being sent. */
const answers = new WeakMap<object, Answer>();

/** Follows the messages that a call sends. */
export function followAnswer(call: ServerInterceptingCall & GrpcCall): Answer {
  const { stream } = call;
  let sinceMs: number | undefined;
  const answer: Answer = {
    get isSending() {
      return sinceMs !== undefined;
    },
    isSlow(nowMs, bytesPerSecondMin) {
      if (sinceMs === undefined) return false;
      const seconds = (nowMs - sinceMs - slowGraceMs) / 1000;
      return stream.writableLength < seconds * bytesPerSecondMin;
    },
    // HTTP/2 has a code for a client that the server has too much work with: clients take it for
    // RESOURCE_EXHAUSTED.
    drop: () => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
  };
  const sendMessage = call.sendMessage.bind(call);
  call.sendMessage = (message, callback) => {
    sinceMs = performance.now();
    if (typeof message === 'object' && message !== null) answers.set(message, answer);
    sendMessage(message, () => {
      sinceMs = undefined;
      callback();
    });
  };
  return answer;
}

/** Ends the call that a message is being sent for, because its client does not take it. */
export function dropAnswer(message: object): void {
  answers.get(message)?.drop();
}
