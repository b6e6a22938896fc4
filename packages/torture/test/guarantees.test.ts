import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { mutants } from '../src/mutants/mutants.js';

const root = new URL('../../../', import.meta.url);
const read = (file: string) => readFile(fileURLToPath(new URL(file, root)), 'utf8');

/** With single spaces: a sentence or a title may be wrapped anywhere. */
const unwrapped = (text: string) => text.replaceAll(/\s+/g, ' ');

// Without its beginning, which says how tests are named.
const [, ...sections] = unwrapped(await read('docs/guarantees.md')).split(/(?=## )/);
const page = sections.join('');

/** Names of test files, each with the titles that are quoted after it. */
const named = [...page.matchAll(/`([a-z]+)\/([a-z/.-]+\.test\.ts)`((?:,? "[^"]+")*)/g)].map(
  ([, inPackage, file, titles = '']) => ({
    file: `packages/${inPackage}/test/${file}`,
    titles: [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title),
  }),
);
const titlesNamed = named.flatMap(({ file, titles }) => titles.map((title) => ({ file, title })));

it('every test that the page names is read, with its titles', () => {
  expect(named).toHaveLength(page.split('.test.ts`').length - 1);
  expect(named.filter(({ titles }) => titles.length === 0)).toEqual([]);
  expect(titlesNamed.length).toBeGreaterThan(50);
});

it.each(titlesNamed)('$file has a test "$title"', async ({ file, title }) => {
  expect(unwrapped(await read(file))).toContain(title);
});

it('every promise names a test', () => {
  const [promises = ''] = page.split('## What is not promised');
  const sentences = promises.split(/ - (?=[A-Z`])/).slice(1);
  expect(sentences.length).toBeGreaterThan(30);
  for (const sentence of sentences) expect(sentence).toMatch(/\(`[a-z/.-]+\.test\.ts` "/);
});

it('every script on the page is in its package', async () => {
  const scripts = [...page.matchAll(/`pnpm (?:--filter @tally\/([a-z]+) )?([a-z-]+)/g)];
  expect(scripts.length).toBeGreaterThan(5);
  for (const [, inPackage, script] of scripts) {
    const manifest =
      inPackage === undefined ? 'package.json' : `packages/${inPackage}/package.json`;
    expect(Object.keys(JSON.parse(await read(manifest)).scripts), manifest).toContain(script);
  }
});

it('the page lists each mutant and no other', () => {
  const [, table = ''] = page.split('## Promises that are broken on purpose');
  const names = [...table.matchAll(/\| (\d+) \| (.+?) \|/g)].map(([, , name]) => name?.trim());
  expect(names).toEqual(mutants.map(({ name }) => name));
});
