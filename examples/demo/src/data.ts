import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';

/** A CSV file on disk, and its bytes. */
export interface CsvFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The example of the assignment that Table comes from: x sums to 10, z to 9. */
const assignmentFiles = {
  'file1.csv': 'x,y,z\n1,2,3\n4,5,6\n',
  'file2.csv': 'x,y\n5,10\n0,20\n',
};

/** CSV files of the npm package vega-datasets, as they are. */
const realFiles = [
  'airports.csv',
  'birdstrikes.csv',
  'disasters.csv',
  'flights-airport.csv',
  'github.csv',
  'population_engineers_hurricanes.csv',
  'seattle-weather.csv',
  'sp500-2000.csv',
  'species.csv',
  'us-employment.csv',
  'zipcodes.csv',
];

/** Gathers the demo's files; those of the assignment are written to `folder`. */
export async function prepareFiles(folder: string): Promise<CsvFile[]> {
  const files: CsvFile[] = [];
  for (const [name, text] of Object.entries(assignmentFiles)) {
    const file = path.join(folder, name);
    await writeFile(file, text);
    files.push({ name, path: file, bytes: Buffer.from(text) });
  }
  const require = createRequire(import.meta.url);
  const data = path.join(path.dirname(require.resolve('vega-datasets')), '..', 'data');
  for (const name of realFiles) {
    const file = path.join(data, name);
    files.push({ name, path: file, bytes: await readFile(file) });
  }
  return files;
}
