import type { ChannelOptions, ServerOptions } from '@grpc/grpc-js';
import type { Server } from 'nice-grpc';
import type { Config } from '../config.js';
import { messageSizeInterceptor } from './message-size.js';

/** The server cannot listen where it was told to; the message is a sentence for the operator. */
export class ListenError extends Error {}

/** grpc-js's options for a server of this configuration. */
export function rpcOptions(config: Config): ChannelOptions {
  const options: ServerOptions = {
    'grpc.max_receive_message_length': config.messageBytesMax,
    // Two servers on one port would each get some of the calls.
    'grpc.so_reuseport': 0,
    interceptors: [messageSizeInterceptor(config.messageBytesMax)],
  };
  return options;
}

/** Binds the port and resolves to it. Throws ListenError. */
export async function listen(rpc: Server, { host, port }: Config): Promise<number> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  try {
    return await rpc.listen(address);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason.includes('EADDRINUSE')) {
      throw new ListenError(
        `Port ${port} of ${host} is in use, perhaps by another Tally: ` +
          'stop what listens there, or choose another port with --port.',
      );
    }
    if (reason.includes('EACCES')) {
      throw new ListenError(
        `Port ${port} needs more rights than this process has: choose one above 1023 with --port.`,
      );
    }
    throw new ListenError(`Cannot listen on ${address}: ${reason}`);
  }
}
