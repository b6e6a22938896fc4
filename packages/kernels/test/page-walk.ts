// The pages of a column chunk, read without the kernel: by hyparquet's reader of headers.

import { crc32 } from 'node:zlib';
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import { zigzag } from './page-bytes.js';

export interface WalkedPage {
  readonly from: number;
  /** Where its body begins, and ends. */
  readonly body: number;
  readonly to: number;
  readonly checksum: number | undefined;
}

/** The whole pages of `bytes`. Throws where there is no page header. */
export function walkPages(bytes: Uint8Array): WalkedPage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pages: WalkedPage[] = [];
  const reader = { view, offset: 0 };
  while (reader.offset < bytes.length) {
    const from = reader.offset;
    const header = deserializeTCompactProtocol(reader);
    const body = reader.offset;
    const to = body + Number(header.field_3);
    if (!(to >= body && to <= bytes.length)) throw new Error(`the page at ${from} has no end`);
    const checksum = header.field_4 === undefined ? undefined : Number(header.field_4) >>> 0;
    pages.push({ from, body, to, checksum });
    reader.offset = to;
  }
  return pages;
}

export function checksumHolds(bytes: Uint8Array, { body, to, checksum }: WalkedPage): boolean {
  return checksum === undefined || crc32(bytes.subarray(body, to)) === checksum;
}

/** The same pages, all with their checksums or all without. */
export function withChecksums(bytes: Uint8Array, wanted: boolean): Uint8Array {
  return Buffer.concat(
    walkPages(bytes).flatMap((page) => {
      const body = bytes.subarray(page.body, page.to);
      const header = bytes.subarray(page.from, page.body);
      const sizesEnd = endOfNumbers(header, 0, 3);
      const nextFrom = page.checksum === undefined ? sizesEnd : endOfNumbers(header, sizesEnd, 1);
      const checksum = wanted ? [0x15, ...zigzag(crc32(body) | 0)] : [];
      // The number of the field behind it is counted from 4 with a checksum, from 3 without.
      const had = page.checksum !== undefined;
      const next = (header[nextFrom] ?? 0) + 0x10 * (Number(had) - Number(wanted));
      const changed = Uint8Array.from([...checksum, next]);
      return [header.subarray(0, sizesEnd), changed, header.subarray(nextFrom + 1), body];
    }),
  );
}

/** Where so many fields of a header, which are numbers, end. */
function endOfNumbers(header: Uint8Array, from: number, fields: number): number {
  let at = from;
  for (let field = 0; field < fields; field++) {
    at++;
    while ((header[at] ?? 0) > 127) at++;
    at++;
  }
  return at;
}
