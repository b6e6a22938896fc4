import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { status as statusNames } from '@grpc/grpc-js';
import type { CallCase } from './hostile-case.js';
import { answerMsMax, errorName } from './tcp-attack.js';

/** How a call was answered. */
export interface CallAnswer {
  /** Such as `INVALID_ARGUMENT`, `HTTP 415` or `RST_STREAM CANCEL`. */
  readonly outcome: string;
  /** The message of the answer, if there is one. */
  readonly message: Buffer | undefined;
  /** Whether it is that of an earlier upload with the same idempotency key: nothing more is kept. */
  readonly isReplay: boolean;
}

/** Makes hostile calls in one session after the other: a new one when the server has ended one. */
export interface SessionAttacker {
  attack(hostile: CallCase): Promise<CallAnswer>;
  close(): void;
}

export function createSessionAttacker(port: number): SessionAttacker {
  let session: ClientHttp2Session | undefined;
  const openSession = () => {
    if (session === undefined || session.closed || session.destroyed) {
      // Node counts what is left of a body when its call is refused, and would end calls itself.
      session = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 1000 });
      session.on('error', () => {});
    }
    return session;
  };
  return {
    async attack({ headers, body }) {
      const call = openSession().request({ ...headers });
      call.end(body);
      try {
        return await answerOf(call);
      } finally {
        call.destroy();
      }
    },
    close: () => session?.destroy(),
  };
}

function answerOf(call: ClientHttp2Stream): Promise<CallAnswer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let outcome: string | undefined;
    let isReplay = false;
    const timer = setTimeout(
      () => reject(new Error(`neither an answer nor a reset came within ${answerMsMax} ms`)),
      answerMsMax,
    );
    const end = () => {
      clearTimeout(timer);
      const all = Buffer.concat(pieces);
      const reset = `RST_STREAM ${errorName(call.rstCode ?? 0)}`;
      const message = all.length < 5 ? undefined : all.subarray(5);
      resolve({ outcome: outcome ?? reset, message, isReplay });
    };
    const take = (headers: Record<string, unknown>) => {
      const status = headers['grpc-status'];
      const http = headers[':status'];
      isReplay ||= headers['tally-idempotent-replay'] === 'true';
      if (status !== undefined) outcome = statusNames[Number(status)] ?? `status ${status}`;
      else if (http !== undefined && http !== 200) outcome = `HTTP ${http}`;
    };
    call.on('response', take).on('trailers', take);
    call.on('data', (data: Buffer) => pieces.push(data));
    call.on('error', () => {});
    call.on('end', end).on('close', end);
  });
}
