import { exactSum, type Kernels } from './kernels.js';
import { PageFault } from './page-fault.js';

/** What a Parquet footer says of a column chunk. */
export interface ColumnChunkKind {
  readonly type: 'INT32' | 'INT64';
  readonly codec: 'UNCOMPRESSED' | 'SNAPPY';
  /** Whether values may be null: a definition level of at most 1. */
  readonly optional: boolean;
}

/** Sums one column chunk, page by page. */
export interface ColumnChunkSummer {
  /**
   * Adds the whole pages among the first `length` bytes of the input; returns how many bytes they
   * take. What is left belongs in front of the bytes that follow. Throws PageFault.
   */
  addPages(length: number): number;
  /** The exact sum, and the values so far: all of them, and those that are not null. */
  result(): { readonly total: bigint; readonly rows: number; readonly nonNull: number };
}

/** Begins a column chunk; only the latest one of an instance may be used. */
export function columnChunkSummer(kernels: Kernels, kind: ColumnChunkKind): ColumnChunkSummer {
  const { exports } = kernels;
  exports.beginColumnChunk(
    Number(kind.type === 'INT32'),
    Number(kind.codec === 'SNAPPY'),
    Number(kind.optional),
  );
  return {
    addPages(length) {
      const used = exports.addPages(length);
      if (used < 0) throw new PageFault(used);
      return used;
    },
    result: () => ({
      total: exactSum(kernels),
      rows: Number(exports.rowCount()),
      nonNull: Number(exports.nonNullCount()),
    }),
  };
}
