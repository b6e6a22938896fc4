import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';

/** How a call was answered: its gRPC status, and the sentence that came with it. */
export interface Answer {
  readonly code: number;
  readonly details: string;
}

/** A session of HTTP/2 for calls whose every byte a test chooses. */
export async function withSession<T>(
  { address }: { readonly address: string },
  work: (session: ClientHttp2Session) => Promise<T>,
): Promise<T> {
  const session = connect(`http://${address}`);
  session.on('error', () => {});
  try {
    return await work(session);
  } finally {
    session.destroy();
  }
}

/** Begins a call whose body the caller writes and ends. */
export function beginCall(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): { readonly call: ClientHttp2Stream; readonly answer: Promise<Answer> } {
  const call = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  const answer = new Promise<Answer>((resolve, reject) => {
    const take = (given: Record<string, unknown>) => {
      if (given['grpc-status'] === undefined) return;
      const details = decodeURI(String(given['grpc-message'] ?? ''));
      resolve({ code: Number(given['grpc-status']), details });
    };
    call.on('response', take).on('trailers', take).on('error', reject);
    call.on('close', () => reject(new Error('the call was closed without an answer')));
  });
  // A test that looks at what is kept alone must not fail for a call that broke off.
  answer.catch(() => {});
  call.resume();
  return { call, answer };
}

/** Calls a method with a body as it is. */
export function callWithBody(
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array,
): Promise<Answer> {
  const { call, answer } = beginCall(session, path);
  call.end(body);
  return answer;
}

/** A message as it is on the wire: not compressed, its length, its bytes. */
export function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
