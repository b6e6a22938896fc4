import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { promisify } from 'node:util';

/** What Node tells when a server listens: https://nodejs.org/api/diagnostics_channel.html#net */
const channel = 'tracing:net.server.listen:asyncEnd';

/** The connections of a server, and how many it takes. */
export interface Connections {
  /** Runs `listen`, which resolves to a port, and has its server take no more than so many. */
  limit(listen: () => Promise<number>): Promise<number>;
  /** How many there are. */
  count(): Promise<number>;
  /** Tells the clients of those that there are to make no further call on them; calls in progress go on. */
  sendAway(): void;
}

/**
 * Bounds connections: Node closes the others before anything is made for them, so that a client
 * sees UNAVAILABLE. grpc-js neither has such an option nor hands out the server that it makes.
 *
 * `onStream` is told of each stream, after grpc-js was.
 */
export function createConnections(
  connectionsMax: number,
  onStream?: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
): Connections {
  let listening: readonly Server[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const onSession = (session: ServerHttp2Session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  };
  return {
    async limit(listen) {
      const servers: Server[] = [];
      const onListening = (message: unknown) => {
        servers.push((message as { readonly server: Server }).server);
      };
      subscribe(channel, onListening);
      try {
        const port = await listen();
        // Other servers of the process may have begun to listen meanwhile.
        listening = servers.filter(
          (server) => (server.address() as AddressInfo | null)?.port === port,
        );
        for (const server of listening) {
          server.maxConnections = connectionsMax;
          server.on('session', onSession);
          // grpc-js listens already, so it comes first.
          if (onStream !== undefined) server.on('stream', onStream);
        }
        return port;
      } finally {
        unsubscribe(channel, onListening);
      }
    },
    async count() {
      const counts = listening.map((server) => promisify(server.getConnections.bind(server))());
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    },
    sendAway() {
      for (const session of sessions) if (!session.closed) session.close();
    },
  };
}
