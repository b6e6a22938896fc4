import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { UploadReq } from '@tally/stubs';

/** How a call has ended: its status, and the retry hint if there was one. */
export interface Ending {
  readonly code: number | undefined;
  readonly details: string;
  readonly retryMs: number | undefined;
}

/** A call whose bytes a test sends as it likes. */
export interface RawCall {
  readonly stream: ClientHttp2Stream;
  readonly ended: Promise<Ending>;
}

/** A connection of its own to a server. */
export async function openSession({ address }: { readonly address: string }) {
  const session = connect(`http://${address}`);
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

export function openCall(session: ClientHttp2Session, path: string, headers: object = {}): RawCall {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => {});
  let told: Record<string, unknown> = {};
  const onHeaders = (got: object) => {
    told = { ...told, ...got };
  };
  stream.on('response', onHeaders).on('trailers', onHeaders);
  stream.resume();
  const ended = new Promise<Ending>((resolve) => {
    stream.on('close', () => {
      const code = told['grpc-status'];
      const retryMs = told['grpc-retry-pushback-ms'];
      resolve({
        code: code === undefined ? undefined : Number(code),
        details: decodeURI(String(told['grpc-message'] ?? '')),
        retryMs: retryMs === undefined ? undefined : Number(retryMs),
      });
    });
  });
  return { stream, ended };
}

/** Resolves when the server has had everything that was sent before on the connection. */
export async function roundTrip(session: ClientHttp2Session): Promise<void> {
  // A ping overtakes what waits to be sent; the second is sent, and answered, after it.
  for (let i = 0; i < 2; i++) {
    await new Promise<void>((resolve, reject) => {
      session.ping((error) => (error === null ? resolve() : reject(error)));
    });
  }
}

export const reset = ({ stream }: RawCall) => stream.close(constants.NGHTTP2_CANCEL);

/** A message as it is on the wire: whether it is compressed, its length, its bytes. */
export function framed(message: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(isCompressed ? 1 : 0);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The message of an Upload that has so many bytes, of a file of `x` and sevens. */
export function uploadOf(bytes: number): Buffer {
  const around = UploadReq.encode({ csvData: new Uint8Array(bytes) }).finish().length - bytes;
  const csv = `x\n${'7\n'.repeat(bytes / 2)}`.slice(0, bytes - around);
  return Buffer.from(UploadReq.encode({ csvData: Buffer.from(csv) }).finish());
}
