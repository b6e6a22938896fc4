// Pages made by hand, for the layouts that no writer at hand makes.

import { crc32 } from 'node:zlib';

export const PLAIN = 0;
export const RLE_DICTIONARY = 8;
export const DELTA_BINARY_PACKED = 5;

/** An unsigned LEB128 number. */
export function varint(value: bigint | number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}

export function zigzag(value: bigint | number): number[] {
  const wide = BigInt.asIntN(64, BigInt(value));
  return varint((wide << 1n) ^ (wide >> 63n));
}

/** Fields of a struct in Thrift's compact protocol, by ascending number. */
export type Field = readonly [id: number, value: number | boolean | readonly Field[] | undefined];

export function struct(fields: readonly Field[]): number[] {
  const bytes: number[] = [];
  let last = 0;
  for (const [id, value] of fields) {
    if (value === undefined) continue;
    const head = (id - last) << 4;
    last = id;
    if (typeof value === 'number') bytes.push(head | 5, ...zigzag(value));
    else if (typeof value === 'boolean') bytes.push(head | (value ? 1 : 2));
    else bytes.push(head | 12, ...struct(value));
  }
  return [...bytes, 0];
}

export interface Page {
  readonly type: 'data' | 'data 2' | 'dictionary';
  /** Values, nulls included. */
  readonly count: number;
  readonly encoding: number;
  /** What is behind the header: levels and values. */
  readonly body: readonly number[];
  /** Of the body once it is decompressed; its own length by default. */
  readonly uncompressedSize?: number;
  /** Wrong on purpose, or left out; the right one by default. */
  readonly checksum?: number | 'none';
  /** Of version 2. */
  readonly nulls?: number;
  readonly definitionBytes?: number;
  readonly repetitionBytes?: number;
  readonly isCompressed?: boolean;
}

export function page(page: Page): number[] {
  const { type, count, encoding, body, checksum } = page;
  const crc = checksum === 'none' ? undefined : (checksum ?? crc32(Uint8Array.from(body)) | 0);
  const kind = { data: 0, dictionary: 2, 'data 2': 3 }[type];
  const version2: Field[] = [
    [1, count],
    [2, page.nulls ?? 0],
    [3, count],
    [4, encoding],
    [5, page.definitionBytes ?? 0],
    [6, page.repetitionBytes ?? 0],
    [7, page.isCompressed],
  ];
  const header = struct([
    [1, kind],
    [2, page.uncompressedSize ?? body.length],
    [3, body.length],
    [4, crc],
    ...dataFields(type, count, encoding),
    [8, type === 'data 2' ? version2 : undefined],
  ]);
  return [...header, ...body];
}

function dataFields(type: Page['type'], count: number, encoding: number): Field[] {
  const common: Field[] = [
    [1, count],
    [2, encoding],
  ];
  if (type === 'dictionary') return [[7, common]];
  return type === 'data' ? [[5, [...common, [3, 3], [4, 3]]]] : [];
}

/** Values of `width` bits each, the least significant bit first; the last byte is filled with 0. */
export function bitPacked(values: readonly bigint[], width: number): number[] {
  const bytes = new Array<number>(Math.ceil((values.length * width) / 8)).fill(0);
  for (const [i, value] of values.entries()) {
    for (let bit = 0; bit < width; bit++) {
      const at = i * width + bit;
      if ((value >> BigInt(bit)) & 1n) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (1 << (at & 7));
    }
  }
  return bytes;
}

/** A run of the RLE / bit-packing hybrid. */
export type Run =
  | { readonly repeat: bigint; readonly times: number | bigint }
  | { readonly packed: readonly bigint[] };

/** Runs of `width` bits; what is packed is filled up to groups of eight with `surplus`. */
export function hybrid(runs: readonly Run[], width: number, surplus = 0n): number[] {
  return runs.flatMap((run) => {
    if ('repeat' in run) {
      const bytes = Array.from({ length: (width + 7) >> 3 }, (_, i) =>
        Number((run.repeat >> BigInt(8 * i)) & 255n),
      );
      return [...varint(BigInt(run.times) << 1n), ...bytes];
    }
    const groups = Math.ceil(run.packed.length / 8);
    const filled = Array.from({ length: groups * 8 }, (_, i) => run.packed[i] ?? surplus);
    return [...varint(groups * 2 + 1), ...bitPacked(filled, width)];
  });
}

export interface DeltaLayout {
  readonly bits: 32 | 64;
  readonly blockValues: number;
  readonly miniblocks: number;
  /** The width of every miniblock; the least that holds its deltas by default. */
  readonly width?: number;
}

/** DELTA_BINARY_PACKED, with blocks of any size. */
export function deltas(values: readonly bigint[], layout: DeltaLayout): number[] {
  const { bits, blockValues, miniblocks } = layout;
  const bytes = [
    ...varint(blockValues),
    ...varint(miniblocks),
    ...varint(values.length),
    ...zigzag(values[0] ?? 0n),
  ];
  const steps = values.slice(1).map((value, i) => BigInt.asIntN(bits, value - (values[i] ?? 0n)));
  for (let at = 0; at < steps.length; at += blockValues) {
    bytes.push(...deltaBlock(steps.slice(at, at + blockValues), layout));
  }
  return bytes;
}

function deltaBlock(steps: readonly bigint[], layout: DeltaLayout): number[] {
  const { bits, blockValues, miniblocks } = layout;
  const least = steps.toSorted((a, b) => Number(a > b) - Number(a < b))[0] ?? 0n;
  const size = blockValues / miniblocks;
  const widths: number[] = [];
  const packed: number[] = [];
  for (let i = 0; i < miniblocks; i++) {
    const part = steps
      .slice(i * size, (i + 1) * size)
      .map((step) => BigInt.asUintN(bits, step - least));
    if (part.length === 0) {
      // A miniblock that no value needs: any width is allowed, and no bytes follow.
      widths.push(255);
      continue;
    }
    const needed = Math.max(...part.map((step) => (step === 0n ? 0 : step.toString(2).length)));
    const width = layout.width ?? needed;
    widths.push(width);
    packed.push(
      ...bitPacked(
        Array.from({ length: size }, (_, j) => part[j] ?? 0n),
        width,
      ),
    );
  }
  return [...zigzag(least), ...widths, ...packed];
}

/** Definition levels as a version 1 page has them in front. */
export function levelsV1(levels: readonly number[]): number[] {
  const { length } = levels;
  return [length & 255, (length >> 8) & 255, (length >> 16) & 255, length >>> 24, ...levels];
}

export function plain(values: readonly bigint[], bits: 32 | 64): number[] {
  return values.flatMap((value) =>
    Array.from({ length: bits / 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n)),
  );
}
