import {
  callHeaders,
  dataFrames,
  frame,
  frameFlag,
  frameType,
  headersFrame,
  preface,
  uint32,
} from '@tally/bench/http2-frames';
import type { Random } from '../../random.js';
import { type Kind, oneOf, randomBytes, type TcpCase } from '../hostile-case.js';
import { factBody, methodPaths } from '../requests.js';

// What is sent here is never a whole call of a method that changes anything.
const factPath = '/NumStore/Fact';
const openCall = (stream = 1) => headersFrame(callHeaders(factPath), stream);
const wholeCall = (stream = 1) => Buffer.concat([openCall(stream), dataFrames(factBody, stream)]);

const tcp = (ending: TcpCase['ending'], ...frames: Buffer[]): TcpCase => ({
  over: 'tcp',
  bytes: Buffer.concat([preface, ...frames]),
  ending,
});

const anyStream = (random: Random) => oneOf(random, [0, 1, 2, 3, 4, 5, 7, 101, 2 ** 31 - 1]);
const types = Object.values(frameType);

function wrongLength(random: Random): TcpCase {
  const { type, stream } = oneOf(random, [
    { type: frameType.settings, stream: 0 },
    { type: frameType.ping, stream: 0 },
    { type: frameType.goaway, stream: 0 },
    { type: frameType.rstStream, stream: 1 },
    { type: frameType.windowUpdate, stream: oneOf(random, [0, 1]) },
    { type: frameType.priority, stream: 1 },
  ]);
  const payload = randomBytes(random, oneOf(random, [0, 1, 2, 3, 5, 7, 9, 11, 17]));
  return tcp('ping', openCall(), frame(type, 0, stream, payload));
}

/** A frame that says that more, or far more, comes than comes. */
function missingBytes(random: Random): TcpCase {
  const payload = randomBytes(random, random(50));
  const length = payload.length + 1 + random(oneOf(random, [5, 16_000, 2 ** 24 - 100]));
  return tcp('end', openCall(), frame(oneOf(random, types), random(256), 1, payload, length));
}

function tooLong(random: Random): TcpCase {
  const payload = Buffer.alloc(16_385 + random(3000), random(256));
  return tcp('ping', openCall(), frame(oneOf(random, types), 0, random(2), payload));
}

function unknownType(random: Random): TcpCase {
  const frames = Array.from({ length: 1 + random(5) }, () =>
    frame(10 + random(246), random(256), anyStream(random), randomBytes(random, random(40))),
  );
  return tcp('ping', ...frames, wholeCall(oneOf(random, [1, 3])));
}

function clientOnly(random: Random): TcpCase {
  const promise = Buffer.concat([uint32(2), randomBytes(random, random(20))]);
  return tcp('ping', openCall(), frame(frameType.pushPromise, random(256), 1, promise));
}

function wrongStream(random: Random): TcpCase {
  const stream = anyStream(random);
  return oneOf(random, [
    () => tcp('ping', wholeCall(stream)),
    () => tcp('ping', wholeCall(5), wholeCall(stream)),
    () => tcp('ping', frame(frameType.data, random(2), stream, randomBytes(random, 10))),
    () => tcp('ping', frame(frameType.settings, 0, stream)),
    () => tcp('ping', frame(frameType.ping, 0, stream, Buffer.alloc(8))),
    () => tcp('ping', frame(frameType.rstStream, 0, stream, uint32(random(20)))),
    () => tcp('ping', frame(frameType.continuation, 4, stream, randomBytes(random, 5))),
    () => tcp('ping', openCall(), frame(frameType.goaway, 0, stream, Buffer.alloc(8))),
    // The highest bit is reserved.
    () => tcp('ping', openCall(), frame(frameType.data, 0, 0x80000001, factBody)),
  ])();
}

function wrongPadding(random: Random): TcpCase {
  const padding = Buffer.from([random(256)]);
  const rest = randomBytes(random, random(20));
  const type = oneOf(random, [frameType.data, frameType.headers, frameType.pushPromise]);
  const flags = frameFlag.padded | (random(2) * frameFlag.endStream) | (random(2) * 4);
  const open = type === frameType.headers ? [] : [openCall()];
  return tcp('ping', ...open, frame(type, flags, 1, Buffer.concat([padding, rest])));
}

function wrongSettings(random: Random): TcpCase {
  const values = [0, 1, 2, 100, 16_383, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
  const entry = () => {
    const id = Buffer.from([0, random(10)]);
    return Buffer.concat([id, uint32(oneOf(random, values))]);
  };
  const entries = Array.from({ length: 1 + random(40) }, entry);
  const flags = random(8) === 0 ? frameFlag.ack : 0;
  return tcp('ping', frame(frameType.settings, flags, 0, Buffer.concat(entries)), wholeCall());
}

function windowFault(random: Random): TcpCase {
  const update = (stream: number, by: number) =>
    frame(frameType.windowUpdate, 0, stream, uint32(by));
  const stream = random(2);
  const large = 2 ** 31 - 1;
  return oneOf(random, [
    () => tcp('ping', openCall(), update(stream, 0)),
    () => tcp('ping', openCall(), update(stream, large), update(stream, large)),
    () => tcp('ping', openCall(), update(stream, 2 ** 32 - 1)),
    () => tcp('ping', update(1 + 2 * random(100), 1)),
    // More than the window that the server has given, before it could say so.
    () => tcp('ping', openCall(), dataFrames(Buffer.alloc(100_000 + random(700_000)), 1, false)),
  ])();
}

function afterTheEnd(random: Random): TcpCase {
  const reset = frame(frameType.rstStream, 0, 1, uint32(random(14)));
  const over = oneOf(random, [wholeCall(), Buffer.concat([openCall(), reset])]);
  const late = () =>
    oneOf(random, [
      dataFrames(randomBytes(random, random(30))),
      openCall(),
      headersFrame([['late', 'yes']], 1, frameFlag.endStream),
      headersFrame([['late', 'yes']], 1),
      frame(frameType.windowUpdate, 0, 1, uint32(1)),
      frame(frameType.priority, 0, 1, Buffer.alloc(5)),
      frame(frameType.continuation, 4, 1),
      reset,
    ]);
  return tcp('ping', over, ...Array.from({ length: 1 + random(4) }, late));
}

function priorityLoop(random: Random): TcpCase {
  // A stream that depends on itself ends the session; longer loops do not.
  const mayBeItself = random(2) === 0;
  const frames = Array.from({ length: 1 + random(300) }, () => {
    const stream = 1 + 2 * random(8);
    const other = 1 + ((stream + 1 + 2 * random(7)) % 16);
    const on = mayBeItself && random(8) === 0 ? stream : other;
    const exclusive = random(2) * 2 ** 31;
    const payload = Buffer.concat([uint32(on + exclusive), Buffer.from([random(256)])]);
    return frame(frameType.priority, 0, stream, payload);
  });
  return tcp('ping', ...frames, wholeCall(21));
}

const floodFramesMax = 500;

function flood(random: Random): TcpCase {
  const made = oneOf<(i: number) => Buffer>(random, [
    () => frame(frameType.settings, 0, 0),
    () => frame(frameType.ping, 0, 0, Buffer.alloc(8)),
    () => frame(frameType.data, 0, 1),
    () => frame(frameType.windowUpdate, 0, 0, uint32(1)),
    (i) => headersFrame(callHeaders(factPath), 3 + 2 * i),
    (i) =>
      Buffer.concat([
        headersFrame(callHeaders(oneOf(random, methodPaths)), 3 + 2 * i),
        frame(frameType.rstStream, 0, 3 + 2 * i, uint32(8)),
      ]),
    (i) => wholeCall(3 + 2 * i),
  ]);
  const frames = Array.from({ length: 50 + random(floodFramesMax - 50) }, (_, i) => made(i));
  return tcp('ping', openCall(), ...frames);
}

/** A header block that goes on and on in CONTINUATION frames. */
function endlessHeaders(random: Random): TcpCase {
  const piece = oneOf(random, [Buffer.alloc(0), Buffer.alloc(1000, 'a'), headersOf(random)]);
  const frames = Array.from({ length: 1 + random(300) }, () =>
    frame(frameType.continuation, 0, 1, piece),
  );
  return tcp('end', frame(frameType.headers, 0, 1, headersOf(random)), ...frames);
}

const headersOf = (random: Random) => {
  const block = headersFrame([[`x-${random(1000)}`, 'v'.repeat(random(500))]]);
  return block.subarray(9);
};

/** Frames of any type, flags and stream. */
function anyFrames(random: Random): TcpCase {
  const frames = Array.from({ length: 1 + random(12) }, () =>
    frame(oneOf(random, types), random(256), anyStream(random), randomBytes(random, random(60))),
  );
  return tcp('end', ...frames);
}

/** A session that is right, but for some bits. */
function flippedBits(random: Random): TcpCase {
  const right = tcp('end', wholeCall(1), wholeCall(3)).bytes;
  for (let flips = 1 + random(6); flips > 0; flips--) {
    const at = random(right.length);
    right[at] = (right[at] ?? 0) ^ (1 << random(8));
  }
  return { over: 'tcp', bytes: right, ending: 'end' };
}

export const brokenFrames: readonly Kind[] = [
  { name: 'frames of a wrong length', make: wrongLength },
  { name: 'frames that lack bytes', make: missingBytes },
  { name: 'frames that are too long', make: tooLong },
  { name: 'frames of unknown types', make: unknownType },
  { name: 'frames of servers', make: clientOnly },
  { name: 'wrong stream ids', make: wrongStream },
  { name: 'wrong padding', make: wrongPadding },
  { name: 'wrong settings', make: wrongSettings },
  { name: 'windows', make: windowFault },
  { name: 'frames on closed streams', make: afterTheEnd },
  { name: 'loops of priorities', make: priorityLoop },
  { name: 'floods', make: flood },
  { name: 'endless headers', make: endlessHeaders },
  { name: 'frames of any kind', make: anyFrames },
  { name: 'flipped bits', make: flippedBits },
];
