import type { TableServiceClient } from '@tally/stubs';
import { keyed } from './keyed-calls.js';
import type { Connection } from './server.js';
import { piecesOf, sumOf } from './table-calls.js';
import { tableFolders } from './table-files.js';

// A table of many commits, and what clients see of it.

const inLog = (version: number, ending: string) => `${String(version).padStart(20, '0')}.${ending}`;

/** The names of files of the log. */
export const checkpointName = (version: number) => inLog(version, 'checkpoint.parquet');
export const commitName = (version: number) => inLog(version, 'json');

export const logOf = (dataDir: string) => tableFolders(dataDir).log;

/** The first number whose row has another type of the column `n`. */
export const otherType = 50;

/** The upload of one row, which is of the number `x`, with an idempotency key of its own. */
export async function uploadRow(streamed: TableServiceClient, x: number) {
  const call = keyed(`key-${x}`);
  const n = x === otherType ? 'fifty' : x;
  const csv = x % 7 === 0 ? `x,"a, name"\n${x},\n` : `x,n\n${x},${n}\n`;
  const { chunkId } = await streamed.upload(piecesOf(csv, 100), call);
  return { chunkId, isReplay: call.isReplay() };
}

export async function uploadRows(streamed: TableServiceClient, from: number, to: number) {
  for (let x = from; x <= to; x++) await uploadRow(streamed, x);
}

/** Deletes a chunk by its number. */
export async function deleteChunk(streamed: TableServiceClient, wanted: number) {
  const { chunks } = await streamed.listChunks({ pageSize: 1000 });
  const chunk = chunks.find(({ number }) => number === BigInt(wanted));
  if (chunk === undefined) throw new Error(`there is no chunk ${wanted}`);
  return streamed.deleteChunk({ chunkId: chunk.chunkId });
}

/** All that clients can see of the table, also as of some of its versions. */
export async function seenOf({ table, streamed }: Connection, asOf: readonly number[]) {
  const sums: unknown[] = [];
  for (const column of ['x', 'n', 'a, name', 'nobody has it']) {
    sums.push(await sumOf(table, column));
  }
  const { chunks } = await streamed.listChunks({ pageSize: 1000 });
  const versions: unknown[] = [];
  for (const version of asOf) {
    for await (const { result } of streamed.aggregate({ columns: ['x'], version: BigInt(version) }))
      if (result !== undefined) versions.push(result);
  }
  return { sums, chunks, versions, table: await streamed.describeTable({}) };
}
