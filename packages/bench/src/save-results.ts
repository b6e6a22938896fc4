import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { BenchOptions } from './options.js';
import { type Results, resultsTable } from './results-table.js';

const inPackage = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url));
const begin = '<!-- baseline: written by the benchmark -->';
const end = '<!-- end of baseline -->';

/** Prints the table of a run; writes it into the README, and every sample into results/. */
export async function saveResults(results: Results & { options: BenchOptions }): Promise<void> {
  const table = resultsTable(results);
  console.log(table);
  if (results.options.printOnly) return;
  // Not the whole of it: the path of a Python says more about whose machine it was.
  const { rounds, chunks, seconds } = results.options;
  await mkdir(inPackage('results'), { recursive: true });
  const json = JSON.stringify({ ...results, options: { rounds, chunks, seconds } }, null, 2);
  await writeFile(inPackage('results/baseline.json'), `${json}\n`);
  const readme = await readFile(inPackage('README.md'), 'utf8');
  await writeFile(inPackage('README.md'), withTable(readme, table));
}

/** The README with the table between its markers. Throws an Error if it has none. */
export function withTable(readme: string, table: string): string {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md lacks "${begin}" or "${end}" after it`);
  return `${readme.slice(0, from)}${begin}\n\n${table}\n\n${readme.slice(to)}`;
}
