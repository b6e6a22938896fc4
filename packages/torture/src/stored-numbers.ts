import { statSync } from 'node:fs';
import path from 'node:path';
import { open } from 'lmdb';

/** What is in the store of numbers on disk. */
export interface StoredNumbers {
  readonly values: ReadonlyMap<string, bigint>;
  readonly total: bigint;
}

const encodings = { keyEncoding: 'binary', encoding: 'binary' } as const;

/** Reads the numbers and their total from a data folder that no server uses. */
export async function readStoredNumbers(dataDir: string): Promise<StoredNumbers> {
  const folder = path.join(dataDir, 'numbers');
  // A server that was killed before it had made the file, or before its first write: lmdb ends the
  // process when it opens an empty file to read it.
  const file = statSync(path.join(folder, 'data.mdb'), { throwIfNoEntry: false });
  if (file === undefined || file.size === 0) return { values: new Map(), total: 0n };
  const environment = open({ path: folder, maxDbs: 4, readOnly: true });
  try {
    const read = (name: string) => {
      const stored = environment.openDB<Buffer, Buffer>({ name, ...encodings });
      // The killed server may not have come as far as to make it.
      if (stored === undefined) return new Map<string, bigint>();
      return new Map(
        Array.from(stored.getRange({}), ({ key, value }) => [
          key.toString('utf8'),
          value.readBigInt64BE(),
        ]),
      );
    };
    return { values: read('values'), total: read('sums').get('total') ?? 0n };
  } finally {
    await environment.close();
  }
}
