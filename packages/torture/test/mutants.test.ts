import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { mutants, mutate } from '../src/mutants/mutants.js';

const root = new URL('../../../', import.meta.url);

it.each(mutants)('$name: each text that it changes is in its file once', async (mutant) => {
  const { file, edits } = mutant;
  const text = await readFile(fileURLToPath(new URL(file, root)), 'utf8');
  expect(mutate(file, text, edits)).not.toBe(text);
});

it('each mutant has a name of its own', () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
});
