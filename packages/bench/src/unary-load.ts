import { type ClientHttp2Session, connect } from 'node:http2';

/** A load of one method: every connection sends the next request when it has its answer. */
export interface UnaryLoad {
  readonly address: string;
  /** `/<service>/<method>` */
  readonly path: string;
  /** Encoded messages, sent in turn. */
  readonly requests: readonly Uint8Array[];
  readonly connections: number;
  readonly seconds: number;
  /** The certificate of a server with TLS, PEM. */
  readonly ca?: string | undefined;
  /** Sent with each call. */
  readonly token?: string | undefined;
  /** Whether an encoded answer is what it should be. */
  check(response: Uint8Array): boolean;
}

/**
 * Answered calls per second.
 *
 * It writes gRPC's HTTP/2 requests itself: a client library would take a core of its own before
 * a server is busy, and the client would be what is measured. This takes about half a core.
 * Throws an Error if a call fails or an answer is not as `check` wants it.
 */
export async function unaryRate(load: UnaryLoad): Promise<number> {
  const bodies = load.requests.map(frame);
  const sessions = Array.from({ length: load.connections }, () => sessionTo(load.address, load.ca));
  const headers = headersOf(load.token);
  try {
    let calls = 0;
    const start = performance.now();
    const end = start + load.seconds * 1000;
    await Promise.all(
      sessions.map(async (session) => {
        while (performance.now() < end) {
          const body = bodies[calls++ % bodies.length];
          const response = await call(session, load.path, body ?? frame(new Uint8Array()), headers);
          // A frame starts with a flag and the message's length: 5 bytes.
          if (!load.check(response.subarray(5))) throw new Error(`a wrong answer of ${load.path}`);
        }
      }),
    );
    return (calls / (performance.now() - start)) * 1000;
  } finally {
    for (const session of sessions) session.destroy();
  }
}

/** Connects, with TLS if the server's certificate is given. */
export const sessionTo = (address: string, ca: string | undefined): ClientHttp2Session =>
  ca === undefined ? connect(`http://${address}`) : connect(`https://${address}`, { ca });

/** What a token adds to a call. */
export const headersOf = (token: string | undefined): Readonly<Record<string, string>> =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** A message as it is on the wire: not compressed, its length, its bytes. */
export function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Sends a framed message; resolves to the framed answer. Throws an Error if the call fails. */
export function call(
  session: ClientHttp2Session,
  path: string,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    const parts: Buffer[] = [];
    let status: unknown;
    const onHeaders = (headers: object) => {
      status = 'grpc-status' in headers ? headers['grpc-status'] : status;
    };
    stream.on('response', onHeaders);
    stream.on('trailers', onHeaders);
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.once('error', reject);
    stream.once('close', () =>
      status === '0'
        ? resolve(Buffer.concat(parts))
        : reject(new Error(`${path} ended with gRPC status ${status}`)),
    );
    stream.end(body);
  });
}
