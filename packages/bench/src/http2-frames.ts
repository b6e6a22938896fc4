/** Types of HTTP/2 frames (RFC 9113, section 6). */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of HTTP/2 frames; the same bit means different things to different types. */
export const frameFlag = {
  ack: 0x1,
  endStream: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

export const frameHeaderBytes = 9;

/** Largest payload that a peer takes that has not said otherwise (RFC 9113, section 4.2). */
const frameBytesMax = 16_384;

/** One frame; `length` may differ from what the payload has. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(),
  length = payload.length,
): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUIntBE(length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** Four bytes, the highest first. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const magic = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** What every session begins with: the magic and the client's settings. */
export const preface = Buffer.concat([magic, frame(frameType.settings, 0, 0)]);

/** Name and value of a header; of a Buffer every byte is sent as it is. */
export type Header = readonly [name: string | Buffer, value: string | Buffer];

/** A header block (RFC 7541): literals alone, so that no table is needed to read or break it. */
export function headerBlock(headers: readonly Header[]): Buffer {
  return Buffer.concat(
    headers.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]),
  );
}

function literal(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text as string, 'latin1');
  return Buffer.concat([hpackInteger(bytes.length), bytes]);
}

/** An integer with a prefix of seven bits (RFC 7541, section 5.1). */
export function hpackInteger(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  for (let rest = value - 127; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push(128 + (rest % 128));
  }
}

/** The headers of a call that is what it should be. */
export function callHeaders(path: string): Header[] {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'tally'],
    ['te', 'trailers'],
    ['content-type', 'application/grpc'],
  ];
}

/** A frame with the headers of a call, whose body follows. */
export function headersFrame(headers: readonly Header[], stream = 1, flags = 0): Buffer {
  return frame(frameType.headers, frameFlag.endHeaders | flags, stream, headerBlock(headers));
}

/** Frames with a body; the last one ends the stream if `isWhole`. */
export function dataFrames(body: Uint8Array, stream = 1, isWhole = true): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < body.length; at += frameBytesMax) {
    const isLast = at + frameBytesMax >= body.length;
    const flags = isLast && isWhole ? frameFlag.endStream : 0;
    frames.push(frame(frameType.data, flags, stream, body.subarray(at, at + frameBytesMax)));
  }
  return Buffer.concat(frames);
}

/** A frame that a server has sent. */
export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

/** The frames that are complete in these bytes, and how many bytes they take. */
export function readFrames(bytes: Buffer): { frames: ReceivedFrame[]; used: number } {
  const frames: ReceivedFrame[] = [];
  let used = 0;
  while (bytes.length - used >= frameHeaderBytes) {
    const end = used + frameHeaderBytes + bytes.readUIntBE(used, 3);
    if (end > bytes.length) break;
    frames.push({
      type: bytes.readUInt8(used + 3),
      flags: bytes.readUInt8(used + 4),
      payload: bytes.subarray(used + frameHeaderBytes, end),
    });
    used = end;
  }
  return { frames, used };
}
