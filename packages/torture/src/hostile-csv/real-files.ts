import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const folderOf = (name: string) => path.dirname(createRequire(import.meta.url).resolve(name));

function csvFilesIn(folder: string): Buffer[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.csv'));
  return names.sort().map((name) => readFileSync(path.join(folder, name)));
}

/** Files of `csv-spectrum`, each with something that readers get wrong. */
export const spectrum = csvFilesIn(path.join(folderOf('csv-spectrum'), 'csvs'));

/** The lines of the CSV files of `vega-datasets`, with their ends; none has a line end in quotes. */
export const vega = csvFilesIn(path.join(folderOf('vega-datasets'), '../data')).map(linesOf);

function linesOf(csv: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < csv.length; ) {
    const end = csv.indexOf('\n', at);
    const next = end === -1 ? csv.length : end + 1;
    lines.push(csv.subarray(at, next));
    at = next;
  }
  return lines;
}
