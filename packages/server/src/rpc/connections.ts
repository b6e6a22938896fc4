import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { AddressInfo, Server } from 'node:net';

/** What Node tells when a server listens: https://nodejs.org/api/diagnostics_channel.html#net */
const listening = 'tracing:net.server.listen:asyncEnd';

/**
 * Runs `listen`, which resolves to a port, and has its server take no more connections than so many.
 *
 * Node closes the others before anything is made for them, so that a client sees UNAVAILABLE.
 * grpc-js neither has such an option nor hands out the server that it makes.
 */
export async function limitConnections(
  connectionsMax: number,
  listen: () => Promise<number>,
): Promise<number> {
  const servers: Server[] = [];
  const onListening = (message: unknown) => {
    servers.push((message as { readonly server: Server }).server);
  };
  subscribe(listening, onListening);
  try {
    const port = await listen();
    for (const server of servers) {
      // Other servers of the process may have begun to listen meanwhile.
      if ((server.address() as AddressInfo | null)?.port === port) {
        server.maxConnections = connectionsMax;
      }
    }
    return port;
  } finally {
    unsubscribe(listening, onListening);
  }
}
