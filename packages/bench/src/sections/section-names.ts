/** The parts of the benchmark, in the order in which they run. */
export const sectionNames = [
  // First, while there is nothing of other sections that the disk has still to write.
  'first-requests',
  'unary',
  'operation',
  'batches',
  'parquet-sum',
  'csv-sum',
  'aggregates',
  'cache',
  'scaling',
  'many-chunks',
  'upload',
  'stream',
  'large-stream',
  'memory',
  'overload',
  'baseline',
] as const;
export type SectionName = (typeof sectionNames)[number];
