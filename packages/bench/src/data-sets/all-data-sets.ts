import path from 'node:path';
import type { BenchRun } from '../bench-run.js';
import type { DataSet } from './data-set.js';
import { generate } from './generate.js';
import { realColumns, realData } from './real-data.js';
import { recipes } from './recipes.js';

/** A data set that is made when it is its turn. */
export interface AvailableDataSet {
  readonly name: string;
  readonly title: string;
  /** All of them are summed from Parquet, the first one from CSV. */
  readonly columns: readonly string[];
  load(): Promise<DataSet>;
}

/** Every data set of the benchmark. */
export function allDataSets(run: BenchRun): readonly AvailableDataSet[] {
  const { quick } = run.options;
  // Quick data is other data.
  const folder = (name: string) => path.join(run.workFolder, quick ? `${name}-quick` : name);
  return [
    ...recipes(quick).map((recipe) => ({
      name: recipe.name,
      title: recipe.title,
      columns: recipe.summed,
      load: () => generate(recipe, folder(recipe.name)),
    })),
    {
      name: 'real',
      title: 'three million real flights',
      columns: realColumns,
      load: () => realData(run.lineUp().peer('duckdb'), folder('real'), quick),
    },
  ];
}

/** The table of 400 chunks of 250,000 rows; with --quick, of fewer. */
export function largeTable(run: BenchRun): Promise<DataSet> {
  const found = recipes(run.options.quick).find(({ name }) => name === 'chunks');
  if (found === undefined) throw new Error('there is no recipe of the 400-chunk table');
  const { quick } = run.options;
  return generate(found, path.join(run.workFolder, quick ? 'chunks-quick' : 'chunks'));
}
