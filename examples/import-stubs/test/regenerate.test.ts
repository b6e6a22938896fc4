import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from './run.js';
import { binary, root } from './workspace.js';

const generated = 'packages/stubs/src/gen';

let out: string;
beforeEach(async () => {
  out = await mkdtemp(path.join(tmpdir(), 'tally-gen-'));
});
afterEach(() => rm(out, { recursive: true }));

/** Path and text of every file in a folder and the folders in it. */
async function filesIn(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((e) => e.isFile()).map((e) => path.join(e.parentPath, e.name));
  const texts = await Promise.all(paths.map((file) => readFile(file, 'utf8')));
  return Object.fromEntries(
    paths.map((file, i) => [path.relative(folder, file), texts[i] ?? '']).sort(),
  );
}

test('regenerating the TypeScript stubs changes nothing', async () => {
  // With --output the template's own folder is made in `out`; nothing in the workspace is touched.
  const descriptors = path.join(out, generated, 'descriptors.binpb');
  for (const args of [
    // Those who check a server's health have its stubs in a package of their own.
    ['generate', '--exclude-path', 'proto/grpc', '--output', out],
    ['build', '--as-file-descriptor-set', '-o', descriptors],
  ]) {
    expect(await run(binary('buf'), args, root)).toEqual({ code: 0, output: '' });
  }
  const fresh = await filesIn(path.join(out, generated));
  expect(Object.keys(fresh)).toContain('numstore.ts');
  expect(Object.keys(fresh)).toContain('tally/v1/table_service.ts');
  expect(fresh).toEqual(await filesIn(path.join(root, generated)));
});
