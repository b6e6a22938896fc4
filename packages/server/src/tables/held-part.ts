import type { DeepPartial, ExportResponse } from '@tally/stubs';
import { flagOf, type Limits } from '../config.js';
import type { Admission, AdmissionGate, Refusal } from '../rpc/admission-gate.js';
import { freeMemory } from '../rpc/held-messages.js';
import { overload } from '../rpc/overload.js';
import { dropAnswer } from '../rpc/unread-answer.js';
import { orAborted } from './stop.js';

type Response = DeepPartial<ExportResponse>;

/**
 * Bytes of a message: few, because a client that takes none of it keeps it here. With what is around
 * them they fit into 256 KiB: the encoder's memory is a power of two.
 */
const messageBytes = 256 * 1024 - 16;

/** What a call has of its answer that the client has not taken yet. */
export interface HeldPart {
  /** Waits for room for a part, which comes next. Throws RESOURCE_EXHAUSTED. */
  reserve(bytes: number): Promise<void>;
  /** Yields the messages of the part, and gives its room and memory back. Throws RESOURCE_EXHAUSTED. */
  send(messages: readonly Uint8Array<ArrayBuffer>[]): AsyncGenerator<Response>;
  release(): void;
}

/** A call's part of what the gate lets all exports hold; `connection` is that of its client. */
export function createHeldPart(
  gate: AdmissionGate,
  connection: string,
  limits: Limits,
  signal: AbortSignal,
): HeldPart {
  let admission: Admission | undefined;
  let message: Response | undefined;

  function admit(bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const onRefused = (limit: Refusal) => {
        // Behind a message that is not taken, no error would be either.
        if (message === undefined) reject(overload(refusals[limit](limits)));
        else dropAnswer(message);
      };
      const onAdmitted = () => {
        // Until its part is there, the client is not to be called slow.
        admission?.received(Number.POSITIVE_INFINITY);
        resolve();
      };
      const admitted = gate.admit(connection, bytes, { onAdmitted, onRefused });
      if (typeof admitted === 'string') return onRefused(admitted);
      admission = admitted;
      if (admitted.isAdmitted) onAdmitted();
    });
  }

  return {
    reserve: (bytes) => orAborted(signal, admit(Math.min(bytes, limits.rowGroupBytesMax))),
    async *send(messages) {
      admission?.shrink(messages.reduce((sum, { length }) => sum + length, 0));
      admission?.beginAnew();
      let sentBytes = 0;
      try {
        for (const arrowIpc of piecesOf(messages)) {
          message = { arrowIpc };
          // Goes on when HTTP/2 has taken the message: streamed-upload.ts has set the mark for that.
          yield message;
          message = undefined;
          sentBytes += arrowIpc.length;
          admission?.received(sentBytes);
          if (admission?.isReleased) throw overload(refusals.messageBytesPerSecondMin(limits));
        }
      } finally {
        // What has been handed over is a copy.
        for (const { buffer } of messages) freeMemory(buffer);
        admission?.release();
      }
    },
    release: () => admission?.release(),
  };
}

/** Pieces of messages that are about as large as one of a call should be: parts of them, or several. */
function* piecesOf(messages: readonly Uint8Array[]): Generator<Uint8Array> {
  let small: Uint8Array[] = [];
  let smallBytes = 0;
  for (const message of messages) {
    if (smallBytes + message.length > messageBytes && smallBytes > 0) {
      yield Buffer.concat(small);
      small = [];
      smallBytes = 0;
    }
    if (message.length < messageBytes) {
      small.push(message);
      smallBytes += message.length;
      continue;
    }
    for (let at = 0; at < message.length; at += messageBytes) {
      yield message.subarray(at, at + messageBytes);
    }
  }
  if (smallBytes > 0) yield Buffer.concat(small);
}

/** What a client is told whose export meets a limit. */
const refusals: Record<Refusal, (limits: Limits) => string> = {
  waitingCallsMax: ({ waitingCallsMax }) =>
    `${full}, and ${waitingCallsMax} calls wait, as many as may (${flagOf('waitingCallsMax')})`,
  waitingBytesMax: ({ waitingBytesMax }) =>
    `${full}, and ${waitingBytesMax} bytes of others wait, as many as may ` +
    `(${flagOf('waitingBytesMax')})`,
  waitMsMax: ({ waitMsMax }) =>
    `${full}, and this one has waited ${waitMsMax} ms, as long as it may (${flagOf('waitMsMax')})`,
  messageBytesPerSecondMin: ({ messageBytesPerSecondMin }) =>
    `the answer is taken slowly while others wait: at least ${messageBytesPerSecondMin} bytes a ` +
    `second are asked for then (${flagOf('messageBytesPerSecondMin')})`,
};

const full =
  'the server holds as much of other exports as it may, which their clients have not taken';
