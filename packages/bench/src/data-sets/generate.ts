import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type DataSet, type Recipe, sumsOf } from './data-set.js';
import { randomFrom } from './random.js';

/** One chunk of a recipe: its file, and what its summed columns add up to, in their order. */
export function makeRecipeChunk(
  recipe: Recipe,
  chunk: number,
): { readonly csv: Buffer; readonly sums: readonly bigint[] } {
  const lines = [Object.keys(recipe.schema).join(',')];
  const random = randomFrom(chunk);
  const sums = recipe.summed.map(() => 0n);
  // A chunk's values may add up past 2^53; a few thousand do not.
  const pending = recipe.summed.map(() => 0);
  const flush = () => {
    for (const [i, value] of pending.entries()) sums[i] = (sums[i] ?? 0n) + BigInt(value);
    pending.fill(0);
  };
  const add = (summed: number, value: number) => {
    pending[summed] = (pending[summed] ?? 0) + value;
    return value;
  };
  for (let row = 0; row < recipe.rowsPerChunk; row++) {
    lines.push(recipe.row({ chunk, row, random, add }));
    if (row % 16 === 0) flush();
  }
  flush();
  return { csv: Buffer.from(`${lines.join('\n')}\n`), sums };
}

/** The data set on disk: as an earlier run left it in `folder`, or generated now. */
export async function generate(recipe: Recipe, folder: string): Promise<DataSet> {
  const csvFiles = Array.from({ length: recipe.chunks }, (_, chunk) =>
    path.join(folder, 'csv', `${String(chunk).padStart(5, '0')}.csv`),
  );
  const done = path.join(folder, 'sums.json');
  if (!existsSync(done)) {
    console.log(`Generating ${recipe.title}: ${recipe.chunks} chunks`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(path.join(folder, 'csv'), { recursive: true });
    const sums: string[][] = [];
    for (const [chunk, file] of csvFiles.entries()) {
      const made = makeRecipeChunk(recipe, chunk);
      await writeFile(file, made.csv);
      sums.push(made.sums.map(String));
    }
    await writeWhole(done, JSON.stringify(sums));
  }
  const sums: string[][] = JSON.parse(readFileSync(done, 'utf8'));
  return {
    name: recipe.name,
    folder,
    schema: recipe.schema,
    csvFiles,
    rows: recipe.chunks * recipe.rowsPerChunk,
    ...sumsOf(
      recipe.summed,
      sums.map((ofChunk) => ofChunk.map(BigInt)),
    ),
  };
}

/** A run that ends in between must not leave a file that looks finished. */
async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.part`, text);
  await rename(`${file}.part`, file);
}
