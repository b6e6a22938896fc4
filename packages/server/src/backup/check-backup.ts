import { opendir } from 'node:fs/promises';
import path from 'node:path';
import { crc32c } from '@node-rs/crc32';
import type { CheckContext } from '../verify/context.js';
import { BackupError, type ManifestFile, manifestName, readManifest } from './backup-folder.js';
import { piecesOf } from './snapshot.js';

const fromOther = 'take another backup; use one that is sound';

/** Compares each file of a backup with the manifest, and finds those that are not in it. */
export async function checkBackup({ dataDir, add, progress }: CheckContext): Promise<void> {
  const names = new Set<string>();
  try {
    const { files } = await readManifest(dataDir);
    for await (const file of files()) {
      names.add(file.path);
      const found = await faultOf(path.join(dataDir, file.path), file, progress.bytes);
      if (found !== undefined) {
        add({ ...found, file: path.join(dataDir, file.path), toDo: fromOther });
      }
    }
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    const what = 'is damaged: what the backup should hold is not known';
    add({ kind: 'checksum', file: path.join(dataDir, manifestName), what, toDo: fromOther });
    return;
  }
  for (const folder of ['numbers', 'tables']) {
    for await (const file of filesBelow(path.join(dataDir, folder))) {
      const name = path.relative(dataDir, file).split(path.sep).join('/');
      // Made by who has looked at the numbers.
      if (names.has(name) || name === 'numbers/lock.mdb') continue;
      const toDo = 'look what it is, and move it elsewhere';
      add({ kind: 'foreign', file, what: 'is not in the manifest', toDo });
    }
  }
}

async function faultOf(
  file: string,
  expected: ManifestFile,
  onBytes: (more: number) => void,
): Promise<{ kind: 'missing' | 'unreadable' | 'size' | 'checksum'; what: string } | undefined> {
  let size = 0;
  let checksum = 0;
  try {
    for await (const piece of piecesOf(file)) {
      size += piece.length;
      checksum = crc32c(piece, checksum);
      onBytes(piece.length);
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { kind: 'missing', what: 'is missing' };
    return { kind: 'unreadable', what: `cannot be read (${code})` };
  }
  if (size !== expected.size) {
    return { kind: 'size', what: `has ${size} bytes, and had ${expected.size} in the backup` };
  }
  if (checksum === expected.crc32c) return undefined;
  return { kind: 'checksum', what: 'has another checksum than when the backup was made' };
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  const entries = await opendir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (entries === undefined) return;
  for await (const entry of entries) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(name);
    else yield name;
  }
}
