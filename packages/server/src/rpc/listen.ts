import { setDefaultHighWaterMark } from 'node:stream';
import {
  type ChannelOptions,
  logVerbosity,
  type ServerCredentials,
  type ServerInterceptor,
  type ServerOptions,
  setLogVerbosity,
} from '@grpc/grpc-js';
import type { Server } from 'nice-grpc';
import type { Config } from '../config.js';
import { StartError } from '../start-error.js';
import type { Connections } from './connections.js';
import { messageSizeInterceptor } from './message-size.js';
import { type ShortMethods, shortCallInterceptor } from './short-calls.js';
import { wholeRequestInterceptor } from './whole-requests.js';

/** What calls pass before and after what every server has. */
interface Passages {
  /** First of all: it sees what any other refuses. */
  readonly observing: ServerInterceptor | undefined;
  readonly access: ServerInterceptor;
  readonly admissions: ServerInterceptor;
  /** More may be added later. */
  readonly shortMethods: ShortMethods;
}

/**
 * What Node keeps of a stream that is not read, besides its window of 64 KiB: what Node 20 keeps. Later
 * ones keep 64 KiB, so that calls that wait would take twice the memory.
 */
const streamBufferBytes = 16 * 1024;

/** grpc-js's options for a server of this configuration. */
export function rpcOptions(
  config: Config,
  { observing, access, admissions, shortMethods }: Passages,
): ChannelOptions {
  setDefaultHighWaterMark(false, streamBufferBytes);
  const options: ServerOptions = {
    'grpc.max_receive_message_length': config.messageBytesMax,
    // Two servers on one port would each get some of the calls.
    'grpc.so_reuseport': 0,
    // 'grpc.enable_channelz' stays on, at some µs a call: without it, grpc-js 1.14.7 does not know
    // which sessions `forceShutdown` has to end.
    // Beyond that a client's own library keeps calls back.
    'grpc.max_concurrent_streams': config.connectionCallsMax,
    // Ends connections that have gone without a word, those that never spoke HTTP/2, and those that
    // have broken it: to some faults Node 20 says GOAWAY, and then neither closes its socket nor
    // sees that the client's is closed.
    'grpc.keepalive_time_ms': config.pingMs,
    'grpc.keepalive_timeout_ms': config.pingTimeoutMs,
    interceptors: [
      ...(observing === undefined ? [] : [observing]),
      // What one of these two refuses nobody else is to see.
      access,
      admissions,
      messageSizeInterceptor(config),
      wholeRequestInterceptor,
      shortCallInterceptor(shortMethods),
    ],
  };
  return options;
}

/** Binds the port and resolves to it. Throws StartError. */
export async function listen(
  rpc: Server,
  config: Config,
  credentials: ServerCredentials,
  connections: Connections,
): Promise<number> {
  const { host, port } = config;
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  // grpc-js would print its own line on why it cannot listen, beside our sentence.
  if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
  try {
    return await connections.limit(() => rpc.listen(address, credentials));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason.includes('EADDRINUSE')) {
      throw new StartError(
        `Port ${port} of ${host} is in use, perhaps by another Tally: ` +
          'stop what listens there, or choose another port with --port.',
      );
    }
    if (reason.includes('EACCES')) {
      throw new StartError(
        `Port ${port} needs more rights than this process has: choose one above 1023 with --port.`,
      );
    }
    if (reason.includes('EADDRNOTAVAIL')) {
      throw new StartError(
        `${host} is no address of this machine: choose one that is with --host, such as 127.0.0.1.`,
      );
    }
    throw new StartError(`Cannot listen on ${address}: ${reason}. Choose an address with --host.`);
  }
}
