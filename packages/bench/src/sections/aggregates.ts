import { createTablePool, type TablePool } from '@tally/server/table-pool';
import { type BenchRun, inTurn } from '../bench-run.js';
import { largeTable } from '../data-sets/all-data-sets.js';
import type { DataSet } from '../data-sets/data-set.js';
import { steadyMs, warmUp } from '../peers/best-setting.js';
import { cores } from '../peers/line-up.js';
import type { Format } from '../peers/peer-process.js';
import type { Comparison, SectionResult } from '../report/comparison.js';
import { type TallyTable, tallyTable } from '../tally-table.js';

/** What all functions may cost beside the sum alone. */
const atMostTimes = 1.3;
/** By how much DuckDB must be slower over the same files, as with the sums of y. */
const factors = { parquet: 5, csv: 5 } as const;

type Files = Parameters<TablePool['aggregate']>[0]['files'];

/** Tally's threads by default. */
const threads = 8;

/** All functions over one column of integers of the large table: y, which is random. */
export async function aggregates(run: BenchRun): Promise<SectionResult> {
  const dataSet = await largeTable(run);
  const table = await tallyTable(dataSet);
  const pool = await createTablePool(threads, 2);
  try {
    const comparisons: Comparison[] = [];
    for (const format of ['parquet', 'csv'] as const) {
      comparisons.push(await compare(run, pool, dataSet, table, format));
    }
    return {
      comparisons,
      notes: [
        'The pool of threads alone, without a call over the network; count, nulls, sum, least and ' +
          'greatest of y in one pass. DuckDB computes the same in one query, from the same files.',
      ],
    };
  } finally {
    await pool.close();
    await run.lineUp().stop();
  }
}

async function compare(
  run: BenchRun,
  pool: TablePool,
  dataSet: DataSet,
  table: TallyTable,
  format: Format,
): Promise<Comparison> {
  const column = 'y';
  const files = await filesOf(pool, dataSet, table, format, column);
  const paths = format === 'csv' ? table.csvFiles : table.parquetFiles;
  const duckdb = run.lineUp().peer('duckdb', cores);
  const command = { format, files: paths, column, schema: dataSet.schema };
  const expected = (await duckdb.aggregate(command)).values;

  const ofTally = async () => {
    const { ms, results } = await timed(files, async (files) => {
      const result = await pool.aggregate({ ...task(), files });
      if ('fault' in result) throw new Error(result.fault);
      return result.aggregates;
    });
    const longs = results.flatMap(({ longs }) => (longs === undefined ? [] : [longs]));
    const total = (of: (result: (typeof results)[number]) => number) =>
      BigInt(results.reduce((sum, result) => sum + of(result), 0));
    const ascending = (a: bigint, b: bigint) => Number(a > b) - Number(a < b);
    const values = [
      total(({ count }) => count),
      total(({ nulls }) => nulls),
      longs.reduce((sum, one) => sum + one.sum, 0n),
      longs.map(({ min }) => min).toSorted(ascending)[0] ?? 0n,
      longs
        .map(({ max }) => max)
        .toSorted(ascending)
        .at(-1) ?? 0n,
    ];
    check('Tally', values, expected);
    return ms;
  };
  const ofSum = async () => {
    const { ms, results } = await timed(files, async (files) => {
      const result = await pool.sum({ ...task(), files });
      if ('fault' in result) throw new Error(result.fault);
      return result.sums;
    });
    check(sumAlone, [results.reduce((a, b) => a + b, 0n)], [dataSet.sums[column] ?? 0n]);
    return ms;
  };
  const ofDuckdb = async () => {
    const { ms, values } = await duckdb.aggregate(command);
    check('DuckDB', values, expected);
    return ms;
  };

  const contestants = [
    { name: 'Tally', setting: 'all functions', samples: [] as number[], work: ofTally },
    { name: sumAlone, setting: '', samples: [] as number[], work: ofSum },
    {
      name: 'DuckDB',
      setting: `all functions, Tally's files, ${cores} threads`,
      sameFiles: true,
      samples: [] as number[],
      work: ofDuckdb,
    },
  ];
  for (const { work } of contestants) await warmUp(work);
  await inTurn(run.options.rounds, contestants, async ({ samples, work }) => {
    samples.push(await steadyMs(work));
  });
  return {
    work: `all of y, ${paths.length} chunks, ${format === 'csv' ? 'CSV' : 'Parquet'}`,
    unit: 'ms',
    better: 'lower',
    contestants: contestants.map(({ work: _, ...contestant }) => contestant),
    bars: [
      { atMostTimes, of: sumAlone },
      { timesBetterThan: 'DuckDB', factor: factors[format] },
    ],
  };
}

const sumAlone = 'Tally, the sum alone';

function check(who: string, values: readonly bigint[], expected: readonly bigint[]): void {
  if (values.join() === expected.join()) return;
  throw new Error(`${who} comes to ${values.join(', ')}, not ${expected.join(', ')}`);
}

/** What a task has besides its files; no file has a fault, to which the limits would matter. */
const task = () => ({
  limits: {
    chunkColumnsMax: 4096,
    columnNameBytesMax: 1024,
    fieldBytesMax: 1024 * 1024,
    rowBytesMax: 16 * 1024 * 1024,
    rowGroupRowsMax: 250_000,
    rowGroupBytesMax: 16 * 1024 * 1024,
  },
  stop: new Int32Array(new SharedArrayBuffer(4)),
});

async function filesOf(
  pool: TablePool,
  { schema }: DataSet,
  { csvFiles, parquetFiles }: TallyTable,
  format: Format,
  column: string,
): Promise<Files> {
  const common = { crc32c: undefined, type: 'long' } as const;
  if (format === 'csv') {
    const names = Object.keys(schema);
    const place = { column: names.indexOf(column), columns: names.length };
    return csvFiles.map((path) => ({ ...common, format, path, ...place }));
  }
  return Promise.all(
    parquetFiles.map(async (path) => {
      const ranges = await pool.ranges({ parquetPath: path });
      return { ...common, format, path, field: column, ranges: ranges.get(column) };
    }),
  );
}

/** Batches for each thread: as many as a sum has. */
const batches = threads * 4;

/** The time until all files are read, in batches side by side. */
async function timed<T>(files: Files, read: (files: Files) => Promise<readonly T[]>) {
  const size = Math.ceil(files.length / batches);
  const parts: Files[] = [];
  for (let at = 0; at < files.length; at += size) parts.push(files.slice(at, at + size));
  const start = performance.now();
  const results = (await Promise.all(parts.map(read))).flat();
  return { ms: performance.now() - start, results };
}
