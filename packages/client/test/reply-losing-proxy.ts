import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * Opens a port that passes everything on to a server, but for one of its replies, the one after
 * `refusals` calls that it refuses: in place of that, it cuts the connection. Returns the port.
 */
export async function replyLosingProxy(serverPort: number, refusals = 0): Promise<number> {
  const sockets = new Set<Socket>();
  let replies = 0;
  const listener = net.createServer((fromClient) => {
    const toServer = net.connect(serverPort, '127.0.0.1');
    for (const socket of [fromClient, toServer]) {
      sockets.add(socket);
      // A connection that is cut may show as an error on either side.
      socket.on('error', () => {});
      socket.on('close', () => [fromClient, toServer].map((each) => each.destroy()));
    }
    const isReply = replyDetector();
    fromClient.pipe(toServer);
    toServer.on('data', (chunk: Buffer) => {
      if (isReply(chunk) && replies++ === refusals) fromClient.destroy();
      else fromClient.write(chunk);
    });
  });
  onTestFinished(() => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}

const frameHeaderBytes = 9;
/** The type of the frame that a reply begins with (RFC 9113, section 6.2). */
const headersFrame = 1;

/** Tells whether a piece of what a server sends on one HTTP/2 connection has the start of a reply. */
function replyDetector(): (chunk: Buffer) => boolean {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    let hasReply = false;
    while (rest.length >= frameHeaderBytes) {
      const end = frameHeaderBytes + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      hasReply ||= rest[3] === headersFrame;
      rest = rest.subarray(end);
    }
    return hasReply;
  };
}
