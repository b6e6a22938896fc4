import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * Opens a port that passes everything on to a server until it has seen `bytesMax` bytes from
 * clients; then it cuts all connections and takes no more. Returns the port.
 */
export async function failingProxy(serverPort: number, bytesMax: number): Promise<number> {
  const sockets = new Set<Socket>();
  let bytes = 0;
  const listener = net.createServer((fromClient) => {
    const toServer = net.connect(serverPort, '127.0.0.1');
    for (const socket of [fromClient, toServer]) {
      sockets.add(socket);
      // A connection that is cut may show as an error on either side.
      socket.on('error', () => {});
    }
    fromClient.pipe(toServer).pipe(fromClient);
    fromClient.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) close();
    });
  });
  const close = () => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(close);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}
