import {
  callHeaders,
  dataFrames,
  frame,
  frameType,
  headersFrame,
  preface,
  uint32,
} from '@tally/bench/http2-frames';
import type { Random } from '../../random.js';
import { type Kind, oneOf, type TcpCase } from '../hostile-case.js';
import { framed, validMessage, validPaths } from '../requests.js';

/** A call that would be valid, were it ended: the client never says that it is done. */
function unended(random: Random): Buffer[] {
  const path = oneOf(random, validPaths);
  const messages = Array.from({ length: 1 + random(3) }, () => framed(validMessage(random, path)));
  return [
    preface,
    headersFrame(callHeaders(path)),
    ...messages.map((message) => dataFrames(message, 1, false)),
  ];
}

function disconnect(random: Random): TcpCase {
  const bytes = Buffer.concat(unended(random));
  return {
    over: 'tcp',
    bytes: bytes.subarray(0, random(bytes.length + 1)),
    ending: oneOf(random, ['end', 'tear']),
  };
}

function reset(random: Random): TcpCase {
  const [start = preface, headers = preface, ...data] = unended(random);
  const code = oneOf(random, [0, 1, 2, 5, 7, 8, 11, 13, 99, 2 ** 32 - 1]);
  const sent = data.slice(0, random(data.length + 1));
  const bytes = [start, headers, ...sent, frame(frameType.rstStream, 0, 1, uint32(code))];
  return { over: 'tcp', bytes: Buffer.concat(bytes), ending: 'ping' };
}

function goaway(random: Random): TcpCase {
  const last = Buffer.concat([uint32(random(10)), uint32(random(14)), Buffer.from('bye')]);
  const bytes = [...unended(random), frame(frameType.goaway, 0, 0, last)];
  return { over: 'tcp', bytes: Buffer.concat(bytes), ending: 'end' };
}

export const brokenOff: readonly Kind[] = [
  { name: 'disconnects', make: disconnect },
  { name: 'resets', make: reset },
  { name: 'farewells in the middle', make: goaway },
];
