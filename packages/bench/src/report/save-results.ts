import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SectionName } from '../sections/section-names.js';
import { barChart } from './bar-chart.js';
import { type MeasuredSection, resultsTable } from './results-table.js';
import { chartOf } from './section-chart.js';

const benchPackage = fileURLToPath(new URL('../../', import.meta.url));

/** Writes a section's every sample and its chart; the other sections in the folder stay as they are. */
export async function saveSection(
  name: SectionName,
  section: MeasuredSection,
  folder: string = path.join(benchPackage, 'results'),
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const json = path.join(folder, 'bench.json');
  const before = JSON.parse(await readFile(json, 'utf8').catch(() => '{}'));
  await writeFile(json, `${JSON.stringify({ ...before, [name]: section }, null, 2)}\n`);
  await writeFile(path.join(folder, `${name}.svg`), barChart(chartOf(name, section)));
}

/** Puts a section's chart and table into the README in place of the last ones. */
export async function showInReadme(name: SectionName, section: MeasuredSection): Promise<void> {
  const readme = path.join(benchPackage, 'README.md');
  const text = `![${name}](results/${name}.svg)\n\n${resultsTable(section)}`;
  await writeFile(readme, withTable(await readFile(readme, 'utf8'), name, text));
}

/** The README with the text between the section's markers. Throws an Error if it has none. */
export function withTable(readme: string, name: SectionName, text: string): string {
  const [begin, end] = [`<!-- ${name}: written by the benchmark -->`, `<!-- end of ${name} -->`];
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md lacks "${begin}" or "${end}" after it`);
  return `${readme.slice(0, from)}${begin}\n\n${text}\n\n${readme.slice(to)}`;
}
