import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { TlsOptions } from './channel.js';

/** A server that asks for a certificate refuses a client without one only after it has greeted it. */
const lateRefusalMs = 300;
const answerMs = 3000;

/** Failures after which a server may still come up; any other will be the same the next time. */
const passing: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
]);

/**
 * Why no connection to the server can be made, however long one waits; undefined if that is not known.
 *
 * gRPC's own channel goes on trying, and does not say why.
 */
export async function connectFault(
  address: string,
  tls: true | TlsOptions | undefined,
): Promise<string | undefined> {
  const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  const { ca, cert, key } = tls === true || tls === undefined ? {} : tls;
  const options: ConnectionOptions = {
    host,
    port: Number(port),
    ALPNProtocols: ['h2'],
    ...(/[a-z]/i.test(host) && !host.includes(':') && { servername: host }),
    ...(ca !== undefined && { ca: Buffer.from(ca as Uint8Array) }),
    ...(cert !== undefined && { cert: Buffer.from(cert as Uint8Array) }),
    ...(key !== undefined && { key: Buffer.from(key as Uint8Array) }),
    // Without TLS all that matters is whether the server speaks it.
    rejectUnauthorized: tls !== undefined,
  };
  const error = await handshakeError(connect(options));
  if (tls === undefined) {
    return error === undefined || /ALERT/.test(error.code ?? '')
      ? 'it speaks TLS, and this client does not'
      : undefined;
  }
  if (error === undefined || passing.has(error.code ?? '')) return undefined;
  if (error.code === 'ERR_SSL_WRONG_VERSION_NUMBER' || error.code === 'EPROTO') {
    return 'it does not speak TLS';
  }
  return /ALERT/.test(error.code ?? '')
    ? `it refuses this client's certificate, or that it has none (${error.code})`
    : `its certificate is refused: ${error.message}`;
}

/** What went wrong in a handshake; undefined if nothing did. */
function handshakeError(socket: TLSSocket): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const end = (error?: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(error);
    };
    let timer = setTimeout(() => end(Object.assign(new Error(), { code: 'ETIMEDOUT' })), answerMs);
    socket.once('error', end);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      timer = setTimeout(end, lateRefusalMs);
    });
    socket.once('close', () => end(Object.assign(new Error(), { code: 'ECONNRESET' })));
  });
}
