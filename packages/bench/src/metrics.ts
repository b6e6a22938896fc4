interface Metric {
  readonly title: string;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
}

/** What is measured of every contender in every round. */
export const metrics = {
  csvSumMs: { title: 'column sum over the CSV files', unit: 'ms', better: 'lower' },
  parquetSumMs: { title: 'column sum over the Parquet files', unit: 'ms', better: 'lower' },
  uploadOneSeconds: { title: 'upload, one chunk at a time', unit: 's', better: 'lower' },
  uploadEightSeconds: { title: 'upload, 8 chunks at once', unit: 's', better: 'lower' },
  tablePeakMiB: { title: 'peak memory, tables', unit: 'MiB', better: 'lower' },
  setNumRate: { title: 'SetNum', unit: 'calls/s', better: 'higher' },
  factRate: { title: 'Fact, cached', unit: 'calls/s', better: 'higher' },
  numbersPeakMiB: { title: 'peak memory, numbers', unit: 'MiB', better: 'lower' },
} as const satisfies Record<string, Metric>;

export type MetricId = keyof typeof metrics;
export const metricIds = Object.keys(metrics) as readonly MetricId[];
