import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from './run.js';
import { pinned, root } from './workspace.js';

const strictest = {
  compilerOptions: {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    target: 'es2023',
    module: 'nodenext',
    types: ['node'],
    outDir: 'dist',
  },
  include: ['first-call.ts'],
};

let server: LaunchedServer;
/** An empty folder outside the workspace, with the packed stubs installed by npm. */
let folder: string;

beforeAll(async () => {
  server = await launchServer();
  folder = await mkdtemp(path.join(tmpdir(), 'tally-packed-'));
  await succeed('npm', ['pack', '--pack-destination', folder], path.join(root, 'packages/stubs'));
  const [tarball] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module", "private": true }');
  const packages = [
    `./${tarball}`,
    await pinned('examples/import-stubs', 'nice-grpc'),
    await pinned('.', 'typescript'),
    await pinned('.', '@types/node'),
  ];
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  await succeed('npm', ['install', ...quiet, ...packages], folder);
}, 180_000);

afterAll(async () => {
  await server?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

async function succeed(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, output } = await run(program, args, cwd);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${output}`);
  return output;
}

/** The first TypeScript program of the stubs' README, with the address of `server`. */
async function readmeProgram(): Promise<string> {
  const readme = await readFile(path.join(root, 'packages/stubs/README.md'), 'utf8');
  const program = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? '';
  expect(program).toContain('127.0.0.1:5440');
  return program.replace('127.0.0.1:5440', server.address);
}

test("the README's program runs with the packed stubs", async () => {
  await writeFile(path.join(folder, 'first-call.ts'), await readmeProgram());
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(strictest));
  const compiled = await run('node_modules/.bin/tsc', ['-p', '.'], folder);
  expect(compiled).toEqual({ code: 0, output: '' });
  const ran = await run(process.execPath, ['dist/first-call.js'], folder);
  expect(ran).toEqual({ code: 0, output: 'total 5\nfactorial 120\n' });
});

test('the types of the packed stubs are checked', async () => {
  const program = (await readmeProgram()).replace("key: 'A'", 'key: 5');
  await writeFile(path.join(folder, 'first-call.ts'), program);
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify(strictest));
  const { code, output } = await run('node_modules/.bin/tsc', ['-p', '.'], folder);
  expect(output).toContain("Type 'number' is not assignable to type 'string'");
  expect(code).not.toBe(0);
});
