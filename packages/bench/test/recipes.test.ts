import { expect, test } from 'vitest';
import { sumsOf } from '../src/data-sets/data-set.js';
import { makeRecipeChunk } from '../src/data-sets/generate.js';
import { recipes } from '../src/data-sets/recipes.js';

const small = recipes(true).map((recipe) => ({ ...recipe, rowsPerChunk: 1000 }));

/** No quoted field has a comma but the city's, which stands first. */
const fieldsOf = (line: string) => line.replace(/^"[^"]*"/, 'quoted').split(',');

test.each(small)('$name: a chunk sums to what it says', (recipe) => {
  const { csv, sums } = makeRecipeChunk(recipe, 1);
  const [header = '', ...lines] = csv.toString().trimEnd().split('\n');
  expect(header.split(',')).toEqual(Object.keys(recipe.schema));
  const rows = lines.map(fieldsOf);
  expect(rows).toHaveLength(recipe.rowsPerChunk);
  for (const [i, column] of recipe.summed.entries()) {
    const place = header.split(',').indexOf(column);
    // BigInt('') is 0n: a null adds nothing.
    expect(rows.reduce((sum, row) => sum + BigInt(row[place] ?? ''), 0n)).toBe(sums[i]);
  }
});

test.each(small)('$name: values that are said to fit int32 do', (recipe) => {
  const { csv } = makeRecipeChunk(recipe, 3);
  const rows = csv.toString().trimEnd().split('\n').slice(1).map(fieldsOf);
  for (const [place, column] of Object.values(recipe.schema).entries()) {
    if (!column.fitsInt32) continue;
    for (const row of rows) expect(Number(row[place])).toBe(Number(row[place]) | 0);
  }
});

test('the sums of a table are those of its files', () => {
  const files = [
    [1n, 10n],
    [2n, 20n],
  ];
  expect(sumsOf(['a', 'b'], files)).toEqual({
    sums: { a: 3n, b: 30n },
    chunkSums: { a: [1n, 2n], b: [10n, 20n] },
  });
});
