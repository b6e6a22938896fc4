import type { Choices } from './choices.js';
import { spectrum, vega } from './real-files.js';

/** A change to a file's bytes. */
type Mutation = (choices: Choices, bytes: Buffer) => Buffer;

/** Lines of a real file that are taken behind its header. */
const cutLinesMax = 12;

/** A small real file: one of `csv-spectrum`, or a header with some lines of `vega-datasets`. */
function realFile({ chance, oneOf, below, between }: Choices): Buffer {
  if (chance(150)) return oneOf(spectrum);
  const lines = oneOf(vega);
  const from = 1 + below(Math.max(1, lines.length - cutLinesMax));
  return Buffer.concat([
    ...lines.slice(0, 1),
    ...lines.slice(from, from + between(0, cutLinesMax)),
  ]);
}

const replace = (bytes: Buffer, from: number, to: number, by: Uint8Array) =>
  Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);

/** A part of a file, of at most 20 bytes. */
function part({ below, between }: Choices, bytes: Buffer): { from: number; to: number } {
  const from = below(bytes.length + 1);
  return { from, to: Math.min(bytes.length, from + between(1, 20)) };
}

const placesOf = (bytes: Buffer, byte: number) =>
  [...bytes.keys()].filter((i) => bytes[i] === byte);

const quote = 0x22;
const plainBytes = Buffer.from('0123456789+- .eEtfNaZ:/_;|\t');

/** A place with no quote on either side, if one is soon found. */
function plainPlace({ below }: Choices, bytes: Buffer): number {
  for (let tries = 0; tries < 5; tries++) {
    const at = below(bytes.length + 1);
    if (bytes[at] !== quote && bytes[at - 1] !== quote) return at;
  }
  return bytes.length;
}

const putPlain: Mutation = (choices, bytes) => {
  const at = plainPlace(choices, bytes);
  const put = Buffer.from([choices.oneOf([...plainBytes])]);
  return replace(bytes, at, at + choices.below(2), put);
};

const putText: Mutation = (choices, bytes) => {
  const at = plainPlace(choices, bytes);
  const text = choices.oneOf(['é', '😀', '9223372036854775807', '000', '-', '\0', '2024-02-29']);
  return replace(bytes, at, at, Buffer.from(text));
};

const dropPlain: Mutation = (choices, bytes) => {
  const { from, to } = part(choices, bytes);
  return /^[^",\r\n]*$/.test(bytes.toString('latin1', from, to))
    ? replace(bytes, from, to, Buffer.alloc(0))
    : bytes;
};

const repeatLine: Mutation = (choices, bytes) => {
  const ends = placesOf(bytes, 0x0a);
  if (ends.length < 2) return bytes;
  const i = choices.between(1, ends.length - 1);
  const [from, to] = [(ends[i - 1] ?? 0) + 1, (ends[i] ?? 0) + 1];
  return replace(bytes, to, to, bytes.subarray(from, to));
};

const emptyField: Mutation = ({ below }, bytes) => {
  const commas = placesOf(bytes, 0x2c);
  const at = (commas[below(Math.max(1, commas.length))] ?? 0) + 1;
  const field = /^[^",\r\n]*/.exec(bytes.toString('latin1', at))?.[0] ?? '';
  return replace(bytes, at, at + field.length, Buffer.alloc(0));
};

const truncate: Mutation = ({ below }, bytes) => bytes.subarray(0, below(bytes.length + 1));

const flip: Mutation = ({ below }, bytes) => {
  const flipped = Buffer.from(bytes);
  const at = below(Math.max(1, bytes.length));
  flipped[at] = (flipped[at] ?? 0) ^ (1 << below(8));
  return flipped;
};

const anyByte: Mutation = (choices, bytes) => {
  const { from } = part(choices, bytes);
  return replace(bytes, from, from + choices.below(2), Buffer.from([choices.below(256)]));
};

const drop: Mutation = (choices, bytes) => {
  const { from, to } = part(choices, bytes);
  return replace(bytes, from, to, Buffer.alloc(0));
};

const duplicate: Mutation = (choices, bytes) => {
  const { from, to } = part(choices, bytes);
  return replace(bytes, to, to, bytes.subarray(from, to));
};

const splice: Mutation = (choices, bytes) => {
  const other = realFile(choices);
  const head = bytes.subarray(0, choices.below(bytes.length + 1));
  return Buffer.concat([head, other.subarray(choices.below(other.length + 1))]);
};

const syntax: Mutation = (choices, bytes) => {
  const { from } = part(choices, bytes);
  const put = choices.oneOf([
    '"',
    '"',
    '""',
    ',',
    '\n',
    '\r',
    '\r\n',
    '"\n',
    ',"',
    '\ufeff',
    '\xff',
  ]);
  return replace(bytes, from, from + choices.below(2), Buffer.from(put, 'latin1'));
};

/** Mutations that leave quotes and line ends in their places. */
const gentle = [putPlain, putPlain, putText, dropPlain, repeatLine, repeatLine, emptyField];
/** Mutations that may break anything. */
const rough = [truncate, flip, flip, anyByte, drop, duplicate, splice, syntax, syntax];

/** A real file with a few changes, after most of which all readers agree on what it holds. */
export function gentlyMutatedFile(choices: Choices): Buffer {
  let bytes = realFile(choices);
  for (let left = choices.below(4); left > 0; left--) bytes = choices.oneOf(gentle)(choices, bytes);
  return choices.chance(20) ? choices.oneOf(rough)(choices, bytes) : bytes;
}

/** Any file with up to eight changes of any kind. */
export function roughlyMutatedFile(choices: Choices, file: Buffer): Buffer {
  let bytes = choices.chance(500) ? file : realFile(choices);
  const mutations = [...rough, ...gentle];
  for (let left = choices.between(1, 8); left > 0; left--) {
    bytes = choices.oneOf(mutations)(choices, bytes);
  }
  return bytes;
}
