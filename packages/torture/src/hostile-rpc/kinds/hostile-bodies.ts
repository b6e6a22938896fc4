import { deflateSync, gzipSync } from 'node:zlib';
import type { Random } from '../../random.js';
import { type CallCase, type Kind, oneOf, randomBytes } from '../hostile-case.js';
import {
  anyBody,
  anyMessage,
  anyPathOf,
  framed,
  headersOf,
  messageBytesMax,
  validMessage,
  validPaths,
} from '../requests.js';

const call = (path: string, body: Buffer, headers: Record<string, string> = {}): CallCase => ({
  over: 'session',
  headers: { ...headersOf(path), ...headers },
  body,
});

const mustFail = (hostile: CallCase): CallCase => ({ ...hostile, mustFail: true });

/** A body that ends within a message: in its prefix, or before its last byte. */
function cutBody(random: Random): CallCase {
  const path = oneOf(random, validPaths);
  const message = framed(validMessage(random, path));
  const whole = Array.from({ length: random(3) }, () => framed(validMessage(random, path)));
  const cut = message.subarray(0, 1 + random(message.length - 1));
  return mustFail(call(path, Buffer.concat([...whole, cut])));
}

/** A prefix that promises more than comes, up to 4 GiB. */
function longPrefix(random: Random): CallCase {
  const path = oneOf(random, validPaths);
  const message = validMessage(random, path);
  const promised = message.length + 1 + random(oneOf(random, [10, messageBytesMax, 2 ** 31]));
  return mustFail(call(path, framed(message, { length: promised })));
}

function oversized(random: Random): CallCase {
  const path = oneOf(random, validPaths);
  const isFirst = random(2) === 0;
  const large = framed(Buffer.alloc(messageBytesMax + 1 + random(1000), random(256)));
  const body = isFirst ? large : Buffer.concat([framed(validMessage(random, path)), large]);
  return mustFail(call(path, body));
}

function oddFlag(random: Random): CallCase {
  const path = anyPathOf(random);
  return call(path, framed(anyMessage(random), { flag: 1 + random(255) }));
}

function wrongCount(random: Random): CallCase {
  const path = oneOf(random, validPaths);
  const count = oneOf(random, [0, 0, 2, 3, 50]);
  const messages = Array.from({ length: count }, () => framed(validMessage(random, path)));
  const hostile = call(path, Buffer.concat(messages));
  // A stream may have any number of messages.
  return path.startsWith('/tally.v1') ? hostile : mustFail(hostile);
}

const compress = { gzip: gzipSync, deflate: deflateSync } as const;
const encodings = ['gzip', 'deflate'] as const;
const bombBytes = 32 * messageBytesMax;
/** Small bodies that unpack to far more than a message may have. */
const bombs = {
  gzip: gzipSync(Buffer.alloc(bombBytes)),
  deflate: deflateSync(Buffer.alloc(bombBytes)),
};

function compressed(random: Random): CallCase {
  const path = oneOf(random, validPaths);
  const encoding = oneOf(random, encodings);
  const message = compress[encoding](validMessage(random, path));
  const packed = framed(message, { flag: 1 });
  const bomb = framed(bombs[encoding], { flag: 1 });
  const cut = framed(message.subarray(0, 1 + random(message.length - 1)), { flag: 1 });
  const bodies = [
    framed(randomBytes(random, random(50)), { flag: 1 }),
    framed(compress[encoding](anyMessage(random)), { flag: 1 }),
    framed(flipped(random, message), { flag: 1 }),
    framed(Buffer.alloc(0), { flag: 1 }),
  ];
  const wrongEncodings = ['br', 'zstd', 'snappy', '', 'GZIP', 'gzip, gzip', 'identity'];
  const wrong = [...wrongEncodings, encoding === 'gzip' ? 'deflate' : 'gzip'];
  const encoded = (body: Buffer, as: string = encoding) =>
    call(path, body, { 'grpc-encoding': as });
  return oneOf(random, [
    () => mustFail(encoded(bomb)),
    () => mustFail(encoded(Buffer.concat([packed, bomb]))),
    () => mustFail(encoded(cut)),
    () => encoded(oneOf(random, bodies)),
    () => encoded(packed, oneOf(random, wrong)),
    () => call(path, packed),
  ])();
}

function flipped(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = random(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << random(8));
  return copy;
}

function wrongMessage(random: Random): CallCase {
  const message = validMessage(random, oneOf(random, validPaths));
  return call(anyPathOf(random), framed(message));
}

function malformedMessage(random: Random): CallCase {
  return call(anyPathOf(random), framed(anyMessage(random)));
}

function flippedMessage(random: Random): CallCase {
  const path = oneOf(random, validPaths);
  return call(path, framed(flipped(random, Buffer.from(validMessage(random, path)))));
}

function anyBytes(random: Random): CallCase {
  return call(
    anyPathOf(random),
    random(2) === 0 ? randomBytes(random, random(500)) : anyBody(random),
  );
}

export const hostileBodies: readonly Kind[] = [
  { name: 'messages of other methods', make: wrongMessage },
  { name: 'malformed messages', make: malformedMessage },
  { name: 'messages with a flipped bit', make: flippedMessage },
  { name: 'bodies of any bytes', make: anyBytes },
  { name: 'bodies that are cut', make: cutBody },
  { name: 'prefixes that promise more', make: longPrefix },
  { name: 'bodies that are too large', make: oversized },
  { name: 'odd flags', make: oddFlag },
  { name: 'no message, or several', make: wrongCount },
  { name: 'compressed bodies', make: compressed },
];
