import type { FileHandle } from 'node:fs/promises';

// The layout is that of lmdb 3.5.6's mdb.c (MDB_page_header, MDB_node, MDB_db), on 64 bits.

/** Bytes before the first pointer of a page. */
export const pageHeaderBytes = 24;

export const pageFlags = { branch: 0x01, leaf: 0x02, overflow: 0x04, meta: 0x08 };

/** The root of a tree without pages. */
export const noPage = 0xffff_ffff_ffff_ffffn;

const nodeHeaderBytes = 8;
const nodeFlags = { bigData: 0x01, subTree: 0x02 };
/** Where the root is in an MDB_db. */
const rootOffset = 40;

/**
 * The first page that a tree of the file needs and that is damaged or not in the file; undefined if
 * there is none. Reads every page of the trees.
 */
export async function missingPage(
  handle: FileHandle,
  size: number,
  pageBytes: number,
  roots: readonly bigint[],
): Promise<bigint | undefined> {
  const pagesMax = Math.floor(size / pageBytes);
  const page = Buffer.alloc(pageBytes);
  const waiting = roots.filter((root) => root !== noPage);
  for (let reads = 0; waiting.length > 0; reads++) {
    const at = waiting.pop() as bigint;
    // Trees share no pages: more reads than pages are a circle.
    if (at >= BigInt(pagesMax) || reads > pagesMax) return at;
    await handle.read(page, 0, pageBytes, Number(at) * pageBytes);
    if (page.readBigUInt64LE(0) !== at) return at;
    const children = childrenOf(page, pagesMax - Number(at));
    if (children === undefined) return at;
    waiting.push(...children);
  }
  return undefined;
}

/** The pages that a page names; undefined if it is not one that can be in a tree. */
function childrenOf(page: Buffer, pagesLeft: number): bigint[] | undefined {
  const flags = page.readUInt16LE(18);
  if ((flags & pageFlags.overflow) !== 0)
    return page.readUInt32LE(20) <= pagesLeft ? [] : undefined;
  if ((flags & (pageFlags.branch | pageFlags.leaf)) === 0) return undefined;
  const pointersEnd = pageHeaderBytes + page.readUInt16LE(20);
  const children: bigint[] = [];
  for (let pointer = pageHeaderBytes; pointer < pointersEnd; pointer += 2) {
    if (pointer + 2 > page.length) return undefined;
    const node = pageHeaderBytes + page.readUInt16LE(pointer);
    const data = node + nodeHeaderBytes + (page[node + 6] ?? 0) + 256 * (page[node + 7] ?? 0);
    if (node + nodeHeaderBytes > page.length) return undefined;
    if ((flags & pageFlags.branch) !== 0) {
      children.push(page.readBigUInt64LE(node) & 0xffff_ffff_ffffn);
      continue;
    }
    const kind = page.readUInt16LE(node + 4);
    const at = (kind & nodeFlags.subTree) !== 0 ? data + rootOffset : data;
    if ((kind & (nodeFlags.bigData | nodeFlags.subTree)) === 0) continue;
    if (at + 8 > page.length) return undefined;
    const child = page.readBigUInt64LE(at);
    if (child !== noPage) children.push(child);
  }
  return children;
}
