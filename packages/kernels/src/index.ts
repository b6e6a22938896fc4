export {
  addDoubleText,
  aggregateDoubles,
  aggregateLongs,
  type DoubleAggregate,
  doubleAggregate,
  type LongAggregate,
  longAggregate,
  type ValueAggregator,
} from './aggregates.js';
export {
  type ColumnChunkKind,
  type ColumnChunkReader,
  columnChunkAggregator,
  columnChunkSummer,
  type ReadValues,
} from './column-chunk.js';
export {
  type CsvAggregate,
  type CsvAggregator,
  type CsvSummer,
  csvAggregator,
  csvSummer,
  type ValueKind,
} from './csv.js';
export {
  type Bounds,
  type ColumnType,
  type CsvRows,
  createCsvRows,
  type GatheredTexts,
  isOfType,
  type RowLimits,
  type RowsFault,
} from './csv-rows.js';
export { compileKernels, createKernels, type Kernels } from './kernels.js';
export { PageFault } from './page-fault.js';
