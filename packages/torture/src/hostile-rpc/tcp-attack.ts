import { constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import {
  frame,
  frameFlag,
  frameType,
  type ReceivedFrame,
  readFrames,
} from '@tally/bench/http2-frames';
import type { TcpCase } from './hostile-case.js';

/** Longest that the server may take to answer or to close: far more than any case needs. */
export const answerMsMax = 30_000;

const question = Buffer.from('is it ok');

/** Sends bytes on a connection of their own; resolves to how the server took them. */
export async function attackOverTcp(port: number, { bytes, ending }: TcpCase): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  try {
    return await outcome(socket, bytes, ending);
  } finally {
    socket.destroy();
  }
}

function outcome(socket: Socket, bytes: Buffer, ending: TcpCase['ending']): Promise<string> {
  return new Promise((resolve, reject) => {
    const seen: ReceivedFrame[] = [];
    let unread: Buffer = Buffer.alloc(0);
    let received = 0;
    const timer = setTimeout(
      () => reject(new Error(`neither an answer nor the end came within ${answerMsMax} ms`)),
      answerMsMax,
    );
    const end = (isClosed: boolean) => {
      clearTimeout(timer);
      resolve(described(seen, received, isClosed));
    };
    socket.on('data', (data) => {
      received += data.length;
      unread = Buffer.concat([unread, data]);
      const { frames, used } = readFrames(unread);
      unread = unread.subarray(used);
      seen.push(...frames);
      // After a GOAWAY for a fault nothing more comes; Node may leave the connection open.
      if (frames.some((received) => isPong(received) || isFault(received))) end(false);
    });
    // The server may have closed before it has read everything: that is an answer too.
    socket.on('error', () => {});
    socket.on('close', () => end(true));
    socket.on('connect', () => {
      if (ending === 'ping')
        socket.write(Buffer.concat([bytes, frame(frameType.ping, 0, 0, question)]));
      if (ending === 'end') socket.end(bytes);
      if (ending === 'tear') {
        socket.write(bytes, () => {
          clearTimeout(timer);
          socket.resetAndDestroy();
          resolve('the attacker left');
        });
      }
    });
  });
}

const isPong = ({ type, flags, payload }: ReceivedFrame) =>
  type === frameType.ping && (flags & frameFlag.ack) !== 0 && payload.equals(question);

const isFault = ({ type, payload }: ReceivedFrame) =>
  type === frameType.goaway && payload.readUInt32BE(4) !== constants.NGHTTP2_NO_ERROR;

function described(frames: readonly ReceivedFrame[], bytes: number, isClosed: boolean): string {
  const fault = frames.find(isFault);
  const reset = frames.findLast(({ type }) => type === frameType.rstStream);
  if (fault !== undefined) return `GOAWAY ${errorName(fault.payload.readUInt32BE(4))}`;
  if (reset !== undefined) return `RST_STREAM ${errorName(reset.payload.readUInt32BE(0))}`;
  if (frames.some(({ type }) => type === frameType.headers)) return 'answered';
  if (!isClosed) return 'ignored';
  return bytes === 0 ? 'closed without a word' : 'closed';
}

const errorNames = new Map(
  Object.entries(constants)
    .filter(([name]) =>
      /^NGHTTP2_(NO_ERROR|.*_ERROR|.*_CLOSED|CANCEL|REFUSED_STREAM|ENHANCE.*)$/.test(name),
    )
    .filter(([name]) => !name.startsWith('NGHTTP2_ERR_'))
    .map(([name, code]) => [Number(code), name.replace('NGHTTP2_', '')]),
);

/** The name of an error code of HTTP/2. */
export const errorName = (code: number): string => errorNames.get(code) ?? String(code);
