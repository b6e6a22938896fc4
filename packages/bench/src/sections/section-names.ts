/** The parts of the benchmark, in the order in which they run. */
export const sectionNames = [
  'parquet-sum',
  'csv-sum',
  'cache',
  'scaling',
  'upload',
  'stream',
  'memory',
  'baseline',
] as const;
export type SectionName = (typeof sectionNames)[number];
