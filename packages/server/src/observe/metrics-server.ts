import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { logger } from '../logger.js';
import { StartError } from '../start-error.js';

/** A port that Prometheus reads. */
export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** A few readers, and no more: it is not for the public. */
const connectionsMax = 16;
const requestMsMax = 2000;
/** How often Node looks for connections that have asked for nothing for so long; its own is 30 s. */
const lookMs = 1000;

/** Serves a registry at `/metrics`. Throws StartError if the port cannot be had. */
export async function serveMetrics(
  registry: Registry,
  host: string,
  port: number,
): Promise<MetricsServer> {
  const server = createServer(
    {
      requestTimeout: requestMsMax,
      headersTimeout: requestMsMax,
      keepAliveTimeout: requestMsMax,
      connectionsCheckingInterval: lookMs,
    },
    async ({ method, url }, response) => {
      if (method !== 'GET' && method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end('GET is allowed.\n');
      } else if (url?.split('?')[0] !== '/metrics') {
        response.writeHead(404).end('There is nothing here but /metrics.\n');
      } else {
        try {
          const text = await registry.metrics();
          response.writeHead(200, { 'content-type': registry.contentType }).end(text);
        } catch (error) {
          logger.error({ err: error }, 'the metrics could not be read');
          response
            .writeHead(500)
            .end("The metrics could not be read; the server's log says why.\n");
        }
      }
    },
  );
  server.maxConnections = connectionsMax;
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(
      `Cannot serve metrics on ${host}:${port}: ${reason}. Choose another port with --metrics-port, ` +
        'or another address with --metrics-host.',
    );
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
