import { ColSumReq, FactRequest, SetNumRequest, UploadReq, UploadRequest } from '@tally/stubs';
import type { Random } from '../random.js';
import { oneOf, randomBytes } from './hostile-case.js';

/** What the server that is attacked takes as a message (`--message-bytes-max`). */
export const messageBytesMax = 256 * 1024;

export const uploadPaths: readonly string[] = ['/Table/Upload', '/tally.v1.TableService/Upload'];
export const setNumPath = '/NumStore/SetNum';

const csvOf = (random: Random) =>
  Buffer.from(`hostile\n${`${random(100)}\n`.repeat(random(oneOf(random, [10, 3000])))}`);

/** A valid message of each method. None touches what the control calls look at. */
const validMessages: Readonly<Record<string, (random: Random) => Uint8Array>> = {
  [setNumPath]: (random) => {
    const value = BigInt(random(2 ** 30)) - 2n ** 29n;
    return SetNumRequest.encode({ key: `hostile ${random(50)}`, value }).finish();
  },
  '/NumStore/Fact': (random) => FactRequest.encode({ key: `hostile ${random(50)}` }).finish(),
  '/Table/Upload': (random) => UploadReq.encode({ csvData: csvOf(random) }).finish(),
  '/tally.v1.TableService/Upload': (random) =>
    UploadRequest.encode({ csvData: csvOf(random) }).finish(),
  '/Table/ColSum': (random) =>
    ColSumReq.encode({
      column: 'hostile',
      format: oneOf(random, ['csv', 'parquet', 'xml']),
    }).finish(),
};

export const validPaths: readonly string[] = Object.keys(validMessages);

/** Paths of the methods that a raw session may open without doing anything. */
export const methodPaths = validPaths;

export function validMessage(random: Random, path: string): Buffer {
  const make = validMessages[path];
  if (make === undefined) throw new Error(`${path} is no method`);
  return Buffer.from(make(random));
}

export const anyPathOf = (random: Random) => oneOf(random, validPaths);

/** The headers of a call that is what it should be. */
export function headersOf(path: string): Record<string, string> {
  return {
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
  };
}

/** A message as it is on the wire; the flag and the length may be wrong. */
export function framed(
  message: Uint8Array,
  { flag = 0, length = message.length }: { flag?: number; length?: number } = {},
): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flag);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** A whole call of Fact, which changes nothing. */
export const factBody = framed(FactRequest.encode({ key: 'five' }).finish());

export const anyBody = (random: Random): Buffer => framed(anyMessage(random));

/** Bytes that look like protobuf, and are malformed in most cases. */
export function anyMessage(random: Random): Buffer {
  const fields = Array.from({ length: random(6) }, () => anyField(random));
  return Buffer.concat(fields);
}

const varint = (random: Random): Buffer =>
  oneOf(random, [
    () => Buffer.from([random(128)]),
    () => Buffer.concat([Buffer.alloc(random(9), 0x80 + random(128)), Buffer.from([random(128)])]),
    // Of ten bytes and more: past 64 bits, or without an end.
    () => Buffer.alloc(10 + random(10), 0xff),
    () => Buffer.concat([Buffer.alloc(9, 0xff), Buffer.from([1])]),
  ])();

const groupsMax = 20_000;

function anyField(random: Random): Buffer {
  const number = oneOf(random, [1, 1, 1, 2, 2, 3, 15]);
  const tag = (wireType: number) => Buffer.from([(number << 3) | wireType]);
  const text = randomBytes(random, random(60));
  const lengthOf = (bytes: Buffer) => Buffer.from([bytes.length]);
  return oneOf(random, [
    () => Buffer.concat([tag(0), varint(random)]),
    () => Buffer.concat([tag(1), randomBytes(random, oneOf(random, [8, 8, 3]))]),
    () => Buffer.concat([tag(5), randomBytes(random, oneOf(random, [4, 4, 1]))]),
    () => Buffer.concat([tag(2), lengthOf(text), text]),
    () => Buffer.concat([tag(2), lengthOf(Buffer.from('é\u202e')), Buffer.from('é\u202e')]),
    () => Buffer.concat([tag(2), varint(random), text]),
    () => Buffer.concat([Buffer.from([0x0a, 3]), invalidUtf8(random)]),
    // Groups within groups, closed or not.
    () => Buffer.alloc(random(groupsMax), tag(3)),
    () => nestedGroups(number, random(200)),
    () => tag(4),
    () => tag(oneOf(random, [6, 7])),
    () => Buffer.from([0]),
    () => Buffer.concat([varint(random), text]),
  ])();
}

const invalidUtf8 = (random: Random) =>
  Buffer.from(oneOf(random, ['ffffff', 'eda080', 'c0af61', 'f49080', '618061']), 'hex');

const nestedGroups = (number: number, depth: number) =>
  Buffer.concat([Buffer.alloc(depth, (number << 3) | 3), Buffer.alloc(depth, (number << 3) | 4)]);
