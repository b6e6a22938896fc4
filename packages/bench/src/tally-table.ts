import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DataSet } from './data-sets/data-set.js';
import { uploadAll } from './table-clients.js';
import { root, startTally } from './tally-server.js';

/** A table that Tally has written from a data set. */
export interface TallyTable {
  readonly dataDir: string;
  readonly csvFiles: readonly string[];
  readonly parquetFiles: readonly string[];
}

/** Uploads the data set's chunks; a table that the same server has written before is used again. */
export async function tallyTable(dataSet: DataSet): Promise<TallyTable> {
  const dataDir = path.join(dataSet.folder, `tally-${serverDigest()}`);
  const done = path.join(dataSet.folder, `tally-${serverDigest()}.done`);
  if (!existsSync(done)) {
    console.log(`Uploading ${dataSet.csvFiles.length} chunks of ${dataSet.name}`);
    await rm(dataDir, { recursive: true, force: true });
    await mkdir(dataDir, { recursive: true });
    const server = await startTally({ dataDir });
    const files = dataSet.csvFiles.map((file) => () => readFile(file));
    await uploadAll(server.address, files, 4);
    await server.stop();
    await writeFile(done, '');
  }
  return tableFiles(dataDir);
}

/** Where the server keeps what it has written: its own layout, which ARCHITECTURE.md describes. */
export function tableFiles(dataDir: string): TallyTable {
  const table = path.join(dataDir, 'tables/default');
  return {
    dataDir,
    csvFiles: filesIn(path.join(table, 'csv')),
    parquetFiles: filesIn(path.join(table, 'delta/parquet')),
  };
}

const filesIn = (folder: string) =>
  readdirSync(folder)
    .toSorted()
    .map((name) => path.join(folder, name));

/** Tells one build of the server from another: a new one must not be measured on an old one's files. */
function serverDigest(): string {
  const hash = createHash('sha256');
  for (const name of ['server', 'kernels', 'stubs']) {
    const dist = path.join(root, 'packages', name, 'dist');
    for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' }).toSorted()) {
      if (/\.(js|wasm)$/.test(file)) hash.update(readFileSync(path.join(dist, file)));
    }
  }
  return hash.digest('hex').slice(0, 12);
}
