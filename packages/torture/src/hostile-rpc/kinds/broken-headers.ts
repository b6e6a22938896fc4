import {
  callHeaders,
  dataFrames,
  frame,
  frameFlag,
  frameType,
  type Header,
  headerBlock,
  headersFrame,
  hpackInteger,
  preface,
} from '@tally/bench/http2-frames';
import type { Random } from '../../random.js';
import { type Kind, oneOf, randomBytes, type TcpCase } from '../hostile-case.js';
import { factBody } from '../requests.js';

const right = callHeaders('/NumStore/Fact');

const withBlock = (block: Uint8Array): TcpCase => ({
  over: 'tcp',
  bytes: Buffer.concat([
    preface,
    frame(frameType.headers, frameFlag.endHeaders, 1, block),
    dataFrames(factBody),
  ]),
  ending: 'ping',
});

/** Header blocks that HPACK does not allow. */
function brokenHpack(random: Random): TcpCase {
  const block = headerBlock(right);
  return oneOf(random, [
    // An index past both tables, and index 0.
    () => withBlock(Buffer.concat([block, Buffer.from([0xff, random(128)])])),
    () => withBlock(Buffer.concat([block, Buffer.from([0x80])])),
    // An integer that does not end, or that no register holds.
    () => withBlock(Buffer.concat([block, Buffer.alloc(1 + random(20), 0xff)])),
    // A text longer than the block, and one in Huffman's code with a broken end.
    () => withBlock(Buffer.concat([block, Buffer.from([0, 1, 0x61]), hpackInteger(100_000)])),
    () => withBlock(Buffer.concat([block, Buffer.from([0, 0x84]), randomBytes(random, 4)])),
    () =>
      withBlock(Buffer.concat([block, Buffer.from([0, 1, 0x61, 0x84, 0xff, 0xff, 0xff, 0xff])])),
    // A table larger than the server allows, and one that is set again and again.
    () => withBlock(Buffer.concat([Buffer.from([0x3f, 0xe1, 0xff, 0x7f]), block])),
    () => withBlock(Buffer.concat([Buffer.alloc(100, 0x20), block])),
    () => withBlock(block.subarray(0, random(block.length))),
    () => withBlock(randomBytes(random, random(200))),
    () => withBlock(bomb(random)),
  ])();
}

/** A large header that goes into the table once and is named again by one byte each time. */
function bomb(random: Random): Buffer {
  const value = Buffer.alloc(3000, 'b');
  const first = [Buffer.from([0x40, 1, 0x62]), hpackInteger(value.length), value];
  return Buffer.concat([headerBlock(right), ...first, Buffer.alloc(100 + random(8000), 0xbe)]);
}

/** Headers that HTTP/2 does not allow in a request. */
function forbiddenHeaders(random: Random): TcpCase {
  const extra: readonly Header[] = [
    ['Upper-Case', '1'],
    ['', 'no name'],
    [':path', '/twice'],
    [':unknown', '1'],
    [':status', '200'],
    ['connection', 'keep-alive'],
    ['transfer-encoding', 'chunked'],
    ['te', 'gzip'],
    ['content-length', '1'],
    ['content-length', '-1'],
    ['host', 'a\0b'],
    ['x', 'line\r\nbreak: 1'],
    ['x\0', '1'],
    [randomBytes(random, 1 + random(10)), randomBytes(random, random(20))],
    ['x', randomBytes(random, random(50))],
    ['grpc-encoding', randomBytes(random, random(10))],
    ['grpc-timeout', randomBytes(random, random(10))],
    ['content-type', randomBytes(random, random(10))],
  ];
  const headers = [...right];
  for (let changes = 1 + random(2); changes > 0; changes--) {
    if (random(4) === 0) headers.splice(random(headers.length), 1);
    else headers.splice(random(headers.length + 1), 0, oneOf(random, extra));
  }
  return {
    over: 'tcp',
    bytes: Buffer.concat([preface, headersFrame(headers), dataFrames(factBody)]),
    ending: 'ping',
  };
}

/** Paths of any bytes. */
function anyPath(random: Random): TcpCase {
  const path = oneOf<string | Buffer>(random, [
    Buffer.concat([Buffer.from('/NumStore/'), randomBytes(random, random(30))]),
    randomBytes(random, random(30)),
    `/${'a'.repeat(random(12_000))}`,
    '/NumStore/Fact/../SetNum',
    'http://tally/NumStore/Fact',
    '*',
    '',
    '/%00',
    '/NumStore/Fact?x=\u00e9',
    '/__proto__/constructor',
  ]);
  const headers = right.map((header): Header => (header[0] === ':path' ? [':path', path] : header));
  return {
    over: 'tcp',
    bytes: Buffer.concat([preface, headersFrame(headers), dataFrames(factBody)]),
    ending: 'ping',
  };
}

export const brokenHeaders: readonly Kind[] = [
  { name: 'broken HPACK', make: brokenHpack },
  { name: 'forbidden headers', make: forbiddenHeaders },
  { name: 'paths of any bytes', make: anyPath },
];
