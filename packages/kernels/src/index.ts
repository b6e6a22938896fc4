export { type ColumnChunkKind, type ColumnChunkSummer, columnChunkSummer } from './column-chunk.js';
export { type CsvSummer, csvSummer } from './csv.js';
export {
  type Bounds,
  type ColumnType,
  type CsvRows,
  createCsvRows,
  type GatheredTexts,
  type RowLimits,
  type RowsFault,
} from './csv-rows.js';
export { compileKernels, createKernels, type Kernels } from './kernels.js';
export { PageFault } from './page-fault.js';
