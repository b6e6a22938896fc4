import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { type Channel, ChannelCredentials, createChannel, waitForChannelReady } from 'nice-grpc';
import { connectFault } from './connect-fault.js';
import { TallyError } from './tally-error.js';

/** How a connection is encrypted; PEM as text or bytes. */
export interface TlsOptions {
  /** Certificates of authorities to trust in place of those that Node trusts. */
  readonly ca?: string | Uint8Array | undefined;
  /** This client's certificate, for a server that asks for one; with `key`. */
  readonly cert?: string | Uint8Array | undefined;
  /** The private key of `cert`. */
  readonly key?: string | Uint8Array | undefined;
}

const channelOptions = {
  // How large a message may be is for the server to say.
  'grpc.max_send_message_length': -1,
  'grpc.max_receive_message_length': -1,
  // A server that has just been started is up in a second or so: look for it several times a second.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 500,
  // Otherwise all channels to one address would share one TCP connection.
  'grpc.use_local_subchannel_pool': 1,
  // The server is usually on this machine, where a proxy from the environment cannot reach it.
  'grpc.enable_http_proxy': 0,
};

const defaultPort = 5440;

/** Returns `host:port` for `host`, `host:port` or the same with an IPv6 address in brackets. */
export function serverAddress(text: string): string {
  const [, host, port = defaultPort] =
    /^([^:/[\]\s]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$/i.exec(text) ?? [];
  if (host === undefined || !(Number(port) >= 1 && Number(port) <= 65_535)) {
    throw new TypeError(
      `${JSON.stringify(text)} is not the address of a server: host, host:port and [IPv6]:port are allowed.`,
    );
  }
  return `${host}:${port}`;
}

/** Opens a TCP connection of its own to the server and waits until it has answered. Throws TallyError. */
export async function readyChannel(
  address: string,
  tls: true | TlsOptions | undefined,
  timeoutMs: number,
): Promise<Channel> {
  const ip = tls === undefined ? undefined : ipAddressIn(address);
  const channel = createChannel(address, credentialsOf(tls, ip), {
    ...channelOptions,
    ...(ip !== undefined && { 'grpc.ssl_target_name_override': nameOfNoHost }),
  });
  const isOver = new AbortController();
  try {
    await Promise.race([
      waitForChannelReady(channel, new Date(Date.now() + timeoutMs)),
      rejectIfHopeless(address, tls, isOver.signal),
    ]);
  } catch (cause) {
    channel.close();
    if (cause instanceof TallyError) throw cause;
    throw unavailable(`no Tally server answered at ${address} within ${timeoutMs / 1000} s`, cause);
  } finally {
    isOver.abort();
  }
  return channel;
}

const unavailable = (sentence: string, cause?: unknown) =>
  new TallyError({ code: 'UNAVAILABLE', sentence, method: 'connect', cause });

/** How long a connection may take before it is asked why there is none, and between two such questions. */
const askMs = 500;

/** Rejects once it is known that no wait will help; never resolves. */
async function rejectIfHopeless(
  address: string,
  tls: true | TlsOptions | undefined,
  isOver: AbortSignal,
): Promise<never> {
  while (!isOver.aborted) {
    await delay(askMs, undefined, { ref: false });
    if (isOver.aborted) break;
    const fault = await connectFault(address, tls);
    if (fault !== undefined) {
      throw unavailable(`the server at ${address} cannot be connected to: ${fault}`);
    }
  }
  return new Promise<never>(() => {});
}

/**
 * What a server that is called by an address is sent as its name: gRPC sends the address, which RFC 6066
 * does not allow as a name, and Node 26 refuses. The certificate is compared with the address.
 */
const nameOfNoHost = 'address.invalid';

/** The IP address in `address`, without brackets and port; undefined if it is a name. */
function ipAddressIn(address: string): string | undefined {
  const host = address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return isIP(host) === 0 ? undefined : host;
}

function credentialsOf(
  tls: true | TlsOptions | undefined,
  ip: string | undefined,
): ChannelCredentials {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  const { ca, cert, key } = tls === true ? {} : tls;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TypeError('tls.cert and tls.key belong together: give both, or none.');
  }
  const verification =
    ip === undefined
      ? undefined
      : {
          checkServerIdentity: (_: string, certificate: PeerCertificate) =>
            checkServerIdentity(ip, certificate),
        };
  return ChannelCredentials.createSsl(pem(ca), pem(key), pem(cert), verification);
}

const pem = (text: string | Uint8Array | undefined): Buffer | null =>
  text === undefined ? null : Buffer.from(text as Uint8Array);
