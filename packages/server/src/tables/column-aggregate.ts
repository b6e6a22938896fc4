import type { Stages } from '../observe/call-record.js';
import {
  type ColumnAggregate,
  columnAggregate,
  type FileAggregate,
  mergeFiles,
  noAggregate,
} from './aggregate.js';
import {
  type FilesContext,
  type Format,
  fileOf,
  partOf,
  type ReadBatch,
  readParts,
} from './column-files.js';
import type { ChunkLimits } from './csv-faults.js';
import type { ColumnEntry } from './index-entry.js';
import type { TablePool } from './pool.js';

/** What an aggregate needs of its table. */
export interface AggregateContext extends FilesContext {
  readonly pool: TablePool;
  readonly limits: ChunkLimits;
  /** Batches of one aggregate that are worked on at once. */
  readonly parallel: number;
}

/** What a column comes to, or one sentence on why that is not known. */
export type AggregateOutcome = ColumnAggregate | { readonly error: string };

/**
 * Counts, sums and bounds one column over the chunks of `entries`, which all have it.
 *
 * With `checked`, each file is read whole and its checksum compared first. `onFile` is called for
 * each file that is done, with what it comes to. Rejects with the signal's reason once that is
 * aborted; the threads then stop as well.
 */
export async function aggregateColumn(
  context: AggregateContext,
  column: string,
  entries: readonly ColumnEntry[],
  format: Format,
  checked: boolean,
  signal: AbortSignal,
  stages: Stages,
  onFile: (entry: ColumnEntry, aggregate: FileAggregate) => void = () => {},
): Promise<AggregateOutcome> {
  const { pool, limits, parallel } = context;
  const parts = entries.map((entry) => partOf(entry, format));
  let merged = noAggregate;
  const read: ReadBatch<FileAggregate> = async (batch, stop) => {
    const files = batch.map(({ entry }) => ({
      ...fileOf(context, entry, format, checked),
      type: entry.type,
    }));
    const result = await pool.aggregate({ files, limits, stop }, stages);
    return 'fault' in result ? result : result.aggregates;
  };
  const where = await readParts(parts, parallel, signal, read, ({ entry }, aggregate) => {
    merged = mergeFiles(merged, aggregate);
    onFile(entry, aggregate);
  });
  if (where === undefined) return columnAggregate(merged);
  return { error: `column ${JSON.stringify(column)} cannot be aggregated: ${where}` };
}
