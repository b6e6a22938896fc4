import { type Chunk, type Column, columns } from './chunk.js';
import type { Contender } from './contenders.js';
import type { RunningServer } from './running-server.js';
import { timedSum, uploadAll, withClients } from './table-clients.js';

interface TableRound {
  readonly csvSumMs: number;
  readonly parquetSumMs: number;
  readonly uploadOneSeconds: number;
  readonly uploadEightSeconds: number;
  readonly tablePeakMiB: number;
}

/**
 * Uploads all chunks to an empty server one at a time and sums their columns; then uploads them
 * to another empty server 8 at once.
 */
export async function measureTable(
  contender: Contender,
  chunks: readonly Chunk[],
): Promise<TableRound> {
  const files = chunks.map(({ csv }) => csv);
  const first = await contender.start('table');
  const uploadOneSeconds = await uploadAll(first.address, files, 1);
  const csvSumMs = await meanSumMs(first, chunks, 'csv');
  const parquetSumMs = await meanSumMs(first, chunks, 'parquet');
  const firstPeakMiB = first.peakMiB();
  await first.stop();

  const second = await contender.start('table');
  const uploadEightSeconds = await uploadAll(second.address, files, 8);
  const tablePeakMiB = Math.max(firstPeakMiB, second.peakMiB());
  await second.stop();
  return { csvSumMs, parquetSumMs, uploadOneSeconds, uploadEightSeconds, tablePeakMiB };
}

/** The mean time of the first sums of x, y and z, each of which must be right. */
function meanSumMs(
  server: RunningServer,
  chunks: readonly Chunk[],
  format: 'csv' | 'parquet',
): Promise<number> {
  return withClients(server.address, 1, async ([client]) => {
    if (client === undefined) return Number.NaN;
    let sumMs = 0;
    for (const column of columns) {
      const { ms, total } = await timedSum(client, column, format);
      if (total !== expectedSum(chunks, column)) {
        throw new Error(`a wrong ${format} sum of ${column}: ${total}`);
      }
      sumMs += ms;
    }
    return sumMs / columns.length;
  });
}

const expectedSum = (chunks: readonly Chunk[], column: Column) =>
  chunks.reduce((sum, chunk) => sum + chunk.sums[column], 0n);
