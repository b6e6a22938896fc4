import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { FileCall } from '../file-calls/journal.js';
import type { Random } from '../random.js';

/** How much of what was not synced a disk has kept: all, nothing, or some of it. */
export const remains = ['nothing', 'some', 'everything'] as const;
export type Remains = (typeof remains)[number];

/** Whether a change survives for sure, may survive, or may even though a sync of it has failed. */
type Safety = 'synced' | 'pending' | 'not to be synced';

/** A write, or a truncation, which has no data. */
interface Change {
  readonly offset: number;
  readonly data: Buffer | undefined;
  safety: Safety;
}

/** What was ever written to one file, under whatever names. */
interface FileHistory {
  readonly changes: Change[];
}

/** A name that a folder got, or, without a target, lost. */
interface NameChange {
  readonly name: string;
  readonly target: FileHistory | 'folder' | undefined;
  safety: Safety;
}

/**
 * What a disk holds for sure, and what it may hold, while the calls of a journal are replayed.
 *
 * A sync makes safe what was written to that file before it, or the names of that folder; nothing
 * else does, which is less than what today's file systems keep. A sync that has failed makes
 * nothing safe, and what it was for may be lost even if a later one succeeds.
 */
export interface DiskImage {
  replay(call: FileCall): void;
  /** Writes into `folder` what the disk may hold if power is lost now. */
  writeTo(folder: string, remaining: Remains, random: Random): Promise<void>;
}

export function createDiskImage(): DiskImage {
  const folders = new Map<string, NameChange[]>([['.', []]]);
  /** As they are now, in the memory of the system. */
  const names = new Map<string, FileHistory | 'folder'>();
  const byInode = new Map<bigint, FileHistory>();

  function changeName(file: string, target: NameChange['target']): void {
    const folder = folders.get(path.dirname(file));
    if (folder === undefined) throw new Error(`the journal has no folder for ${file}`);
    folder.push({ name: path.basename(file), target, safety: 'pending' });
    if (target === undefined) names.delete(file);
    else names.set(file, target);
  }

  function fileAt(file: string): FileHistory {
    const target = names.get(file);
    if (target === undefined || target === 'folder') {
      throw new Error(`the journal has no file called ${file}`);
    }
    return target;
  }

  function historyOf({ inode, path: file }: FileCall): FileHistory {
    const history = byInode.get(inode);
    if (history === undefined) throw new Error(`the journal has no file ${inode} (${file})`);
    return history;
  }

  function replayOpen(call: FileCall): void {
    if (call.isNewFile) {
      const history: FileHistory = { changes: [] };
      byInode.set(call.inode, history);
      changeName(call.path, history);
    } else if (call.isEmptied) {
      historyOf(call).changes.push({ offset: 0, data: undefined, safety: 'pending' });
    }
  }

  function replaySync({ path: synced, inode, result }: FileCall): void {
    const changes = folders.get(synced) ?? byInode.get(inode)?.changes ?? [];
    for (const change of changes) {
      if (change.safety === 'pending') change.safety = result < 0 ? 'not to be synced' : 'synced';
    }
  }

  function replayDone(call: FileCall): void {
    const { kind, path: from, other: to, offset, data } = call;
    if (kind === 'open') replayOpen(call);
    else if (kind === 'write' || kind === 'write synced') {
      const safety = kind === 'write' ? 'pending' : 'synced';
      historyOf(call).changes.push({ offset, data, safety });
    } else if (kind === 'truncate') {
      historyOf(call).changes.push({ offset, data: undefined, safety: 'pending' });
    } else if (kind === 'mkdir') {
      changeName(from, 'folder');
      folders.set(from, []);
    } else if (kind === 'link') changeName(to, fileAt(from));
    else if (kind === 'rename') {
      changeName(to, fileAt(from));
      changeName(from, undefined);
    } else if (kind === 'unlink' || kind === 'rmdir') changeName(from, undefined);
  }

  async function writeFolder(
    name: string,
    root: string,
    remaining: Remains,
    random: Random,
  ): Promise<void> {
    await mkdir(path.join(root, name), { recursive: true });
    const left = new Map<string, FileHistory | 'folder'>();
    for (const change of folders.get(name) ?? []) {
      if (!isLeft(change.safety, remaining, random)) continue;
      if (change.target === undefined) left.delete(change.name);
      else left.set(change.name, change.target);
    }
    for (const [entry, target] of left) {
      const file = path.join(name, entry);
      if (target === 'folder') await writeFolder(file, root, remaining, random);
      else await writeFile(path.join(root, file), contentOf(target, remaining, random));
    }
  }

  return {
    replay(call) {
      if (call.kind === 'sync') replaySync(call);
      else if (call.result >= 0) replayDone(call);
    },
    writeTo: (folder, remaining, random) => writeFolder('.', folder, remaining, random),
  };
}

function isLeft(safety: Safety, remaining: Remains, random: Random): boolean {
  if (safety === 'synced' || remaining === 'everything') return true;
  return remaining === 'some' && random(2) === 0;
}

/** Disks write sectors of one of these sizes as a whole, or not at all. */
const sectorBytes = [512, 4096] as const;

/** What is left of the changes of a file that are not safe. */
type Leftover = 'whole' | 'zeros' | 'sectors' | 'nothing';
const leftovers: readonly Leftover[] = ['whole', 'zeros', 'sectors', 'nothing'];

function contentOf({ changes }: FileHistory, remaining: Remains, random: Random): Buffer {
  const leftover: Leftover =
    remaining === 'some'
      ? (leftovers[random(leftovers.length)] ?? 'nothing')
      : remaining === 'everything'
        ? 'whole'
        : 'nothing';
  const sector = sectorBytes[random(sectorBytes.length)] ?? 512;
  const end = Math.max(0, ...changes.map(({ offset, data }) => offset + (data?.length ?? 0)));
  const content = Buffer.alloc(end);
  let size = 0;
  for (const { offset, data, safety } of changes) {
    const whole = safety === 'synced' || leftover === 'whole';
    if (data === undefined) {
      if (whole || (leftover === 'sectors' && random(2) === 0)) {
        content.fill(0, offset);
        size = offset;
      }
    } else if (whole) {
      data.copy(content, offset);
      size = Math.max(size, offset + data.length);
    } else if (leftover === 'zeros') {
      // The file has its new size, and no data there.
      size = Math.max(size, offset + data.length);
    } else if (leftover === 'sectors') {
      for (const [from, to] of sectorsOf(offset, data.length, sector)) {
        if (random(2) === 0) continue;
        data.copy(content, from, from - offset, to - offset);
        size = Math.max(size, to);
      }
    }
  }
  return content.subarray(0, size);
}

/** The parts of a write that lie in different sectors of the file. */
function* sectorsOf(offset: number, bytes: number, sector: number): Generator<[number, number]> {
  const end = offset + bytes;
  for (let from = offset; from < end; ) {
    const to = Math.min(end, (Math.floor(from / sector) + 1) * sector);
    yield [from, to];
    from = to;
  }
}
