import {
  type ChannelOptions,
  logVerbosity,
  type ServerOptions,
  setLogVerbosity,
} from '@grpc/grpc-js';
import type { Server } from 'nice-grpc';
import type { Config } from '../config.js';
import { StartError } from '../start-error.js';
import { admissionInterceptor } from './admission.js';
import { limitConnections } from './connections.js';
import { messageSizeInterceptor } from './message-size.js';
import { type ShortMethods, shortCallInterceptor } from './short-calls.js';
import { wholeRequestInterceptor } from './whole-requests.js';

/** grpc-js's options for a server of this configuration; short methods may be added later. */
export function rpcOptions(config: Config, shortMethods: ShortMethods): ChannelOptions {
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
      // First: what it refuses nobody else is to see.
      admissionInterceptor(config),
      messageSizeInterceptor(config),
      wholeRequestInterceptor,
      shortCallInterceptor(shortMethods),
    ],
  };
  return options;
}

/** Binds the port and resolves to it. Throws StartError. */
export async function listen(rpc: Server, config: Config): Promise<number> {
  const { host, port } = config;
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  // grpc-js would print its own line on why it cannot listen, beside our sentence.
  if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
  try {
    return await limitConnections(config.connectionsMax, () => rpc.listen(address));
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
