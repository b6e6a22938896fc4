import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';

/** The type of a frame of HTTP/2 (RFC 9113, section 6). */
export const frameTypes = { data: 0, headers: 1, resetStream: 3 } as const;

/** In the flags of DATA and HEADERS: nothing more comes from this side of the stream. */
const endStream = 1;

/** A frame that has come to the proxy. */
export interface SeenFrame {
  readonly from: 'client' | 'server';
  readonly type: number;
  readonly bytes: number;
  readonly endsStream: boolean;
}

/** A port that passes everything on to a server, but no RST_STREAM of a client. */
export interface ResetHoldingProxy {
  readonly address: string;
  /** The frames that have come, those that were held too. */
  readonly seen: readonly SeenFrame[];
  close(): void;
}

export async function resetHoldingProxy(serverPort: number): Promise<ResetHoldingProxy> {
  const seen: SeenFrame[] = [];
  const sockets = new Set<Socket>();
  const listener = net.createServer((fromClient) => {
    const toServer = net.connect(serverPort, '127.0.0.1');
    for (const socket of [fromClient, toServer]) {
      sockets.add(socket);
      // A connection that is cut may show as an error on either side.
      socket.on('error', () => {});
    }
    const ofClient = frameReader('client', clientPreface.length);
    fromClient.on('data', (chunk: Buffer) => {
      for (const { frame, raw } of ofClient(chunk)) {
        if (frame?.type !== frameTypes.resetStream) toServer.write(raw);
        if (frame !== undefined) seen.push(frame);
      }
    });
    const ofServer = frameReader('server', 0);
    toServer.on('data', (chunk: Buffer) => {
      fromClient.write(chunk);
      for (const { frame } of ofServer(chunk)) if (frame !== undefined) seen.push(frame);
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    address: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    seen,
    close() {
      listener.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** What a client begins a connection with (RFC 9113, section 3.4). */
const clientPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const frameHeaderBytes = 9;

/** Cuts what one side of a connection sends into the preface, which is no frame, and its frames. */
function frameReader(from: SeenFrame['from'], prefaceBytes: number) {
  let rest = Buffer.alloc(0);
  let before = prefaceBytes;
  return function* read(chunk: Buffer) {
    rest = Buffer.concat([rest, chunk]);
    if (before > 0 && rest.length >= before) {
      yield { frame: undefined, raw: rest.subarray(0, before) };
      rest = rest.subarray(before);
      before = 0;
    }
    while (before === 0 && rest.length >= frameHeaderBytes) {
      const bytes = rest.readUIntBE(0, 3);
      const raw = rest.subarray(0, frameHeaderBytes + bytes);
      if (raw.length < frameHeaderBytes + bytes) return;
      rest = rest.subarray(raw.length);
      const endsStream = (raw.readUInt8(4) & endStream) !== 0;
      yield { frame: { from, type: raw.readUInt8(3), bytes, endsStream }, raw };
    }
  };
}
