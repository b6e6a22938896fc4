import { mkdir, open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { Semaphore } from 'async-mutex';
import { keepToOwner } from '../data-folder.js';
import { restoreMarkName } from '../data-folder-format.js';
import { lockDataFolder, lockFileName } from '../data-folder-lock.js';
import { makeFolders } from '../make-folders.js';
import { syncPath } from '../sync-path.js';
import { BackupError, backupAt, type ManifestFile, readManifest } from './backup-folder.js';
import { piecesOf } from './snapshot.js';

export interface RestoreOptions {
  readonly onProgress?: (bytes: number, bytesMax: number) => void;
}

/** What was restored. */
export interface Restored {
  readonly backup: string;
  /** The moment that the data is of, ISO 8601 in UTC. */
  readonly taken: string;
  readonly files: number;
  readonly bytes: number;
}

/** What may be in a folder that is empty to a person: a volume's root, and a lock's file. */
const emptyNames = ['lost+found', lockFileName];

/**
 * Copies a backup, or the newest one in a folder, to an empty or missing folder, and compares each
 * file with its checksum on the way.
 *
 * Until it is complete, and on disk for good, no server starts with the folder. Throws BackupError.
 */
export async function restoreBackup(
  from: string,
  dataDir: string,
  { onProgress = () => {} }: RestoreOptions = {},
): Promise<Restored> {
  const backup = await backupAt(from);
  const { head, end, files } = await readManifest(backup);
  for (const made of await makeFolders(dataDir)) await syncPath(path.dirname(made));
  await refuseFilled(dataDir);
  const lock = await lockDataFolder(dataDir);
  try {
    await keepToOwner(dataDir);
    const mark = path.join(dataDir, restoreMarkName);
    await (await open(mark, 'wx')).close();
    await syncPath(dataDir);
    const writer = createFileWriter(dataDir);
    for (const table of head.tables) await writer.makeTable(table);
    let bytes = 0;
    for await (const file of files()) {
      await writer.write(file, piecesOf(path.join(backup, file.path)), (more) => {
        bytes += more;
        onProgress(bytes, end.bytes);
      });
    }
    await writer.finish();
    await rm(mark);
    await syncPath(dataDir);
    return { backup, taken: head.taken, files: end.files, bytes: end.bytes };
  } finally {
    await lock.release();
  }
}

async function refuseFilled(dataDir: string): Promise<void> {
  const names = (await readdir(dataDir)).filter((name) => !emptyNames.includes(name));
  if (names.length === 0) return;
  const shown = `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`;
  const why = names.includes(restoreMarkName)
    ? 'a restore into it was cut off. Empty it, and restore again'
    : 'a backup is restored into an empty folder, or a missing one, only. Nothing was changed';
  throw new BackupError(`${dataDir} holds ${shown}: ${why}.`);
}

/** Files that are put on the disk at a time. */
const syncsAtOnce = 16;

/** Writes the files of a backup below a folder. */
export interface FileWriter {
  /** Writes a file from pieces, and compares it with its checksum. Throws BackupError. */
  write(
    file: ManifestFile,
    pieces: AsyncIterable<Uint8Array>,
    onBytes: (more: number) => void,
  ): Promise<void>;
  /** Makes the folder that is to hold a file; resolves to the file's path. */
  makeFolderOf(name: string): Promise<string>;
  /** Makes the folders of a table, which may have no file. */
  makeTable(table: string): Promise<void>;
  /** Resolves once all files, and their names, are on the disk for good. */
  finish(): Promise<void>;
}

/** Makes a writer of new files below `root`. */
export function createFileWriter(root: string): FileWriter {
  const slots = new Semaphore(syncsAtOnce);
  const folders = new Set<string>();
  let failure: { readonly error: unknown } | undefined;

  async function makeFolderOf(name: string): Promise<string> {
    const file = path.join(root, ...name.split('/'));
    for (let folder = path.dirname(file); !folders.has(folder); folder = path.dirname(folder)) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      folders.add(folder);
      if (folder === root) break;
    }
    return file;
  }

  return {
    makeFolderOf,
    async makeTable(table) {
      for (const folder of ['csv', 'delta/parquet', 'delta/_delta_log']) {
        await makeFolderOf(`tables/${table}/${folder}/any`);
      }
    },
    async write(expected, pieces, onBytes) {
      const handle = await open(await makeFolderOf(expected.path), 'wx', 0o600);
      let isHandedOn = false;
      try {
        let size = 0;
        let checksum = 0;
        for await (const piece of pieces) {
          await handle.writeFile(piece);
          size += piece.length;
          checksum = crc32c(piece, checksum);
          onBytes(piece.length);
        }
        if (size !== expected.size || checksum !== expected.crc32c) throw damaged(expected, size);
        const [, release] = await slots.acquire();
        isHandedOn = true;
        // Together they take hardly longer than one.
        handle
          .sync()
          .finally(() => handle.close())
          .catch((error) => {
            failure ??= { error };
          })
          .finally(release);
      } finally {
        if (!isHandedOn) await handle.close();
      }
      if (failure !== undefined) throw failure.error;
    },
    async finish() {
      await slots.acquire(syncsAtOnce);
      if (failure !== undefined) throw failure.error;
      for (const folder of folders) await syncPath(folder);
    },
  };
}

function damaged({ path: name, size: expected }: ManifestFile, size: number): BackupError {
  const what =
    size === expected
      ? 'its checksum is wrong'
      : `it has ${size} bytes, and should have ${expected}`;
  return new BackupError(`The file ${name} is damaged: ${what}.`);
}
