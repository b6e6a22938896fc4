import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createTablePool, type TablePool } from '@tally/server/table-pool';
import type { TallyAnswer, TallyColumn } from './answers.js';
import { readParquet } from './parquet-cells.js';

/** Tally's answer is wrong by itself, whatever a peer says. */
export class ContradictionError extends Error {}

/** Tally's own conversion and sums, in the threads that a server has for them. */
export interface TallyReading {
  /** Keeps a file and sums its columns; throws ContradictionError, and whatever Tally throws. */
  read(bytes: Buffer, slot: number): Promise<TallyAnswer>;
  close(): Promise<void>;
}

type Limits = Parameters<TablePool['ingest']>[0]['limits'];

const neverStopped = () => new Int32Array(new SharedArrayBuffer(4));

/** The server's defaults, but for the rows of a row group. */
const limitsWith = (rowGroupRowsMax: number): Limits => ({
  chunkColumnsMax: 500,
  columnNameBytesMax: 1024,
  fieldBytesMax: 1024 * 1024,
  rowBytesMax: 16 * 1024 * 1024,
  rowGroupRowsMax,
  rowGroupBytesMax: 16 * 1024 * 1024,
});

/** Starts the threads; files are in `folder`, those of inputs that are read at once in one each. */
export async function startTally(folder: string, rowGroupRowsMax: number): Promise<TallyReading> {
  const limits = limitsWith(rowGroupRowsMax);
  const pool = await createTablePool(1, 1);
  return {
    async read(bytes, slot) {
      const files = filesOf(path.join(folder, `tally-${slot}`));
      writeFileSync(files.spoolPath, bytes);
      const chunk = await pool.ingest({
        ...files,
        fields: [],
        limits,
        sync: false,
        stop: neverStopped(),
      });
      if (chunk === undefined)
        throw new ContradictionError('a file that is whole was taken for one that grows');
      if ('fault' in chunk) {
        checkRefusal(chunk.fault, files);
        return { refusal: chunk.fault };
      }
      if (!readFileSync(files.csvPath).equals(bytes))
        throw new ContradictionError('the CSV file was changed');
      const cells = await readParquet(files.parquetPath);
      const columns = chunk.plan.columns.map(({ name, field }, index) => ({ name, field, index }));
      const integers = columns.filter(({ field }) => field?.type === 'long');
      const sums = await sumBothWays(pool, limits, files, chunk, integers);
      return {
        rows: chunk.rows,
        columns: columns.map(({ name, field, index }): TallyColumn => {
          const values = field === null ? [] : cells.get(field.field);
          if (values === undefined)
            throw new ContradictionError(`Parquet has no ${JSON.stringify(field)}`);
          if (field !== null && values.length !== chunk.rows) {
            throw new ContradictionError(
              `Parquet has ${values.length} values in ${chunk.rows} rows`,
            );
          }
          return { name, type: field?.type ?? null, cells: values, sum: sums.get(index) };
        }),
      };
    },
    close: () => pool.close(),
  };
}

interface Files {
  readonly spoolPath: string;
  readonly parquetSpoolPath: string;
  readonly csvPath: string;
  readonly parquetPath: string;
}

function filesOf(folder: string): Files {
  mkdirSync(folder, { recursive: true });
  const files = {
    spoolPath: path.join(folder, 'spool.csv'),
    parquetSpoolPath: path.join(folder, 'spool.parquet'),
    csvPath: path.join(folder, 'kept.csv'),
    parquetPath: path.join(folder, 'kept.parquet'),
  };
  rmSync(files.csvPath, { force: true });
  rmSync(files.parquetPath, { force: true });
  return files;
}

/** A refusal says on which line, and nothing is where kept files are. */
function checkRefusal(fault: string, { csvPath, parquetPath }: Files): void {
  if (!/^line [1-9][0-9]*(, field [1-9][0-9]*)?: \S/.test(fault)) {
    throw new ContradictionError(`a refusal does not say where: ${fault}`);
  }
  if (existsSync(csvPath) || existsSync(parquetPath))
    throw new ContradictionError('a refused file was kept');
}

type Chunk = Exclude<
  Awaited<ReturnType<TablePool['ingest']>>,
  undefined | { readonly fault: string }
>;
type PlannedColumn = Chunk['plan']['columns'][number] & { readonly index: number };

/** The sum of each column of integers, by its place; both formats must give the same. */
async function sumBothWays(
  pool: TablePool,
  limits: Limits,
  { csvPath, parquetPath }: Files,
  { columns, ranges }: Chunk,
  integers: readonly PlannedColumn[],
): Promise<ReadonlyMap<number, bigint>> {
  if (integers.length === 0) return new Map();
  const csv = integers.map(({ index }) => ({
    format: 'csv' as const,
    path: csvPath,
    crc32c: undefined,
    column: index,
    columns: columns.length,
  }));
  const parquet = integers.map(({ field }) => ({
    format: 'parquet' as const,
    path: parquetPath,
    crc32c: undefined,
    field: field?.field ?? '',
    ranges: ranges.get(field?.field ?? ''),
  }));
  const found = await pool.sum({ files: [...csv, ...parquet], limits, stop: neverStopped() });
  if ('fault' in found)
    throw new ContradictionError(`a column of integers has no sum: ${found.fault}`);
  return new Map(
    integers.map(({ index, name }, i) => {
      const [fromCsv, fromParquet] = [found.sums[i], found.sums[i + integers.length]];
      if (fromCsv === undefined || fromCsv !== fromParquet) {
        throw new ContradictionError(
          `sums of ${JSON.stringify(name)}: ${fromCsv} in CSV, ${fromParquet} in Parquet`,
        );
      }
      return [index, fromCsv];
    }),
  );
}
