import { type LongAggregate, longAggregate } from './aggregates.js';
import { exactSum, type Kernels } from './kernels.js';
import { PageFault } from './page-fault.js';

/** What a Parquet footer says of a column chunk. */
export interface ColumnChunkKind {
  readonly type: 'INT32' | 'INT64';
  readonly codec: 'UNCOMPRESSED' | 'SNAPPY';
  /** Whether values may be null: a definition level of at most 1. */
  readonly optional: boolean;
}

/** What a kernel has read of a column chunk: values, nulls included, and those that are not null. */
export interface ReadValues {
  readonly rows: number;
  readonly nonNull: number;
}

/** Reads one column chunk, page by page. */
export interface ColumnChunkReader<T> {
  /**
   * Adds the whole pages among the first `length` bytes of the input; returns how many bytes they
   * take. What is left belongs in front of the bytes that follow. Throws PageFault.
   */
  addPages(length: number): number;
  /** What the values so far come to. */
  result(): ReadValues & T;
}

/** Begins to sum a column chunk exactly; only the latest one of an instance may be used. */
export function columnChunkSummer(
  kernels: Kernels,
  kind: ColumnChunkKind,
): ColumnChunkReader<{ readonly total: bigint }> {
  return columnChunkReader(kernels, kind, false, () => ({ total: exactSum(kernels) }));
}

/** Begins a column chunk whose least and greatest value are wanted too; undefined without any. */
export function columnChunkAggregator(
  kernels: Kernels,
  kind: ColumnChunkKind,
): ColumnChunkReader<{ readonly longs: LongAggregate | undefined }> {
  return columnChunkReader(kernels, kind, true, (nonNull) => ({
    longs: nonNull === 0 ? undefined : longAggregate(kernels),
  }));
}

function columnChunkReader<T>(
  { exports }: Kernels,
  { type, codec, optional }: ColumnChunkKind,
  bounds: boolean,
  resultOf: (nonNull: number) => T,
): ColumnChunkReader<T> {
  exports.beginColumnChunk(
    Number(type === 'INT32'),
    Number(codec === 'SNAPPY'),
    Number(optional),
    Number(bounds),
  );
  return {
    addPages(length) {
      const used = exports.addPages(length);
      if (used < 0) throw new PageFault(used);
      return used;
    },
    result() {
      const nonNull = Number(exports.nonNullCount());
      return { rows: Number(exports.rowCount()), nonNull, ...resultOf(nonNull) };
    },
  };
}
