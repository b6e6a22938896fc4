import { appendFileSync } from 'node:fs';

// The journal that preload/file-calls.c writes: `struct record` there is the format.

/** In the order of `enum kind`, from 1; `mark` is what a harness adds itself. */
export const callKinds = [
  'open',
  'open to read',
  'write',
  'write synced',
  'sync',
  'truncate',
  'mkdir',
  'link',
  'rename',
  'unlink',
  'rmdir',
  'close',
  'mark',
] as const;
export type CallKind = (typeof callKinds)[number];

export const kindNumber = (kind: CallKind): number => callKinds.indexOf(kind) + 1;

/** A call that a server made, or a mark. */
export interface FileCall {
  readonly kind: CallKind;
  /** What the call returned; minus errno if it failed. */
  readonly result: number;
  /** Below the watched folder. */
  readonly path: string;
  /** The new name, of a link or a rename. */
  readonly other: string;
  readonly inode: bigint;
  /** Where a write began, or the size that a file was truncated to. */
  readonly offset: number;
  readonly isNewFile: boolean;
  /** Whether opening the file emptied it. */
  readonly isEmptied: boolean;
  /** Whether the call was made to fail, or to write a part only. */
  readonly isInjected: boolean;
  /** What was written, or the text of a mark. */
  readonly data: Buffer;
}

const headBytes = 40;
const [created, emptied, injected] = [1, 2, 4];

/** The calls of a journal, in the order in which they were made. */
export function parseJournal(journal: Buffer): FileCall[] {
  const calls: FileCall[] = [];
  for (let at = 0; at < journal.length; ) {
    const kind = callKinds[journal.readUInt32LE(at) - 1];
    if (kind === undefined) throw new Error(`the journal has no record at byte ${at}`);
    const flags = journal.readUInt32LE(at + 8);
    const pathEnd = at + headBytes + journal.readUInt32LE(at + 12);
    const otherEnd = pathEnd + journal.readUInt32LE(at + 16);
    const end = otherEnd + journal.readUInt32LE(at + 20);
    calls.push({
      kind,
      result: journal.readInt32LE(at + 4),
      path: journal.toString('utf8', at + headBytes, pathEnd),
      other: journal.toString('utf8', pathEnd, otherEnd),
      inode: journal.readBigUInt64LE(at + 24),
      offset: Number(journal.readBigUInt64LE(at + 32)),
      isNewFile: (flags & created) !== 0,
      isEmptied: (flags & emptied) !== 0,
      isInjected: (flags & injected) !== 0,
      data: journal.subarray(otherEnd, end),
    });
    at = end;
  }
  return calls;
}

/** Adds a mark behind all calls that the server has made so far. */
export function appendMark(journal: string, mark: unknown): void {
  const data = Buffer.from(JSON.stringify(mark));
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(kindNumber('mark'), 0);
  head.writeUInt32LE(data.length, 20);
  // In one write, so that it stays whole beside the server's.
  appendFileSync(journal, Buffer.concat([head, data]));
}
