import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from './run.js';
import { binary, root } from './workspace.js';

// Exit code of `buf breaking` when it found a breaking change, as against not running at all.
const changeFound = 100;

let copy: string;
beforeEach(async () => {
  copy = await mkdtemp(path.join(tmpdir(), 'tally-proto-'));
  await cp(path.join(root, 'buf.yaml'), path.join(copy, 'buf.yaml'));
  await cp(path.join(root, 'proto'), path.join(copy, 'proto'), { recursive: true });
});
afterEach(() => rm(copy, { recursive: true }));

/** What `buf breaking` says of the copy, against each image in turn until one is not kept. */
async function bufBreaking() {
  const against = (image: string) => run(binary('buf'), ['breaking', '--against', image], copy);
  const frozen = await against('proto/frozen.binpb');
  return frozen.code === 0 ? against('proto/released.binpb') : frozen;
}

async function edit(file: string, from: string, to: string): Promise<void> {
  const name = path.join(copy, 'proto', file);
  const text = await readFile(name, 'utf8');
  expect(text).toContain(from);
  await writeFile(name, text.replace(from, to));
}

test('the contract is the frozen one', async () => {
  expect(await bufBreaking()).toEqual({ code: 0, output: '' });
});

const streamed = 'tally/v1/table_service.proto';

test('tally.v1 may grow', async () => {
  await edit(streamed, 'string error = 1;', 'string error = 1; string name = 9;');
  await edit(streamed, 'bytes csv_data = 1;', 'bytes csv_data = 1; UploadResponse options = 9;');
  expect(await bufBreaking()).toEqual({ code: 0, output: '' });
});

test('a comment may change', async () => {
  await edit('numstore.proto', '// What to set.', '// Which number to set, and what to.');
  expect(await bufBreaking()).toEqual({ code: 0, output: '' });
});

test.each([
  ['a field is renumbered', 'numstore.proto', 'int64 value = 2;', 'int64 value = 3;', '"value"'],
  ['a field is renumbered', 'table.proto', 'string format = 2;', 'string format = 4;', '"format"'],
  ['a type is changed', 'table.proto', 'bytes csv_data', 'string csv_data', '"csv_data"'],
  ['a method is renamed', 'numstore.proto', 'rpc Fact(', 'rpc Factorial(', '"Fact"'],
  ['a package is added', 'table.proto', 'service Table', 'package t;\nservice Table', 'package'],
  ['a field is renumbered', streamed, 'int64 rows = 2;', 'int64 rows = 15;', '"rows"'],
  ['a stream is none any more', streamed, '(stream UploadRequest)', '(UploadRequest)', '"Upload"'],
])('it fails when %s (%s: %s)', async (_what, file, from, to, named) => {
  await edit(file, from, to);
  const { code, output } = await bufBreaking();
  expect(output).toContain(named);
  expect(output).toContain(file);
  expect(code).toBe(changeFound);
});
