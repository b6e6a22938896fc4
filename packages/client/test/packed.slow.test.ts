import { execFile, spawn } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from './temporary-folder.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];

/** An empty folder outside the workspace, with the packed client installed by npm, and what it needs. */
async function installed(): Promise<string> {
  const folder = await temporaryFolder({ 'package.json': '{ "type": "module", "private": true }' });
  for (const name of ['stubs', 'kernels', 'server', 'client']) {
    const cwd = path.join(root, 'packages', name);
    await run('npm', ['pack', '--pack-destination', folder, '--loglevel=error'], { cwd });
  }
  const tarballs = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  const paths = tarballs.map((name) => `./${name}`);
  await run('npm', ['install', ...quiet, ...paths], { cwd: folder });
  return folder;
}

/** Starts `npx tally serve` in a folder; resolves to the port. */
async function served(folder: string): Promise<string> {
  const command = path.join(folder, 'node_modules/.bin/tally');
  const args = ['serve', '--port', '0', '--data-dir', 'data', '--warmup-calls', '0'];
  const { INIT_CWD, ...env } = process.env;
  const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stdout.setEncoding('utf8').on('data', (text) => {
      const [, port] = /^Tally serves .* on \S+:(\d+), data in /m.exec(text) ?? [];
      if (port !== undefined) resolve(port);
    });
  });
}

test('installed from its packages, the command serves, and a typed program uses the SDK', {
  timeout: 300_000,
}, async () => {
  const folder = await installed();
  const port = await served(folder);
  await writeFile(
    path.join(folder, 'first.ts'),
    `import { connect, type Tally, type UploadResult } from '@tally/client';
     const tally: Tally = await connect('127.0.0.1:${port}');
     const total: bigint = await tally.numbers.set('packed', 7n);
     const { rows }: UploadResult = await tally.tables.upload(Buffer.from('x\\n1\\n2\\n'));
     console.log(total, rows);
     tally.close();`,
  );
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const types = ['--typeRoots', path.join(root, 'node_modules/@types'), '--types', 'node'];
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess'];
  const options = ['--target', 'es2023', '--module', 'nodenext', '--skipLibCheck', ...strict];
  await run(process.execPath, [tsc, ...options, ...types, 'first.ts'], { cwd: folder });
  const first = await run(process.execPath, ['first.js'], { cwd: folder });
  expect(first).toEqual({ stdout: '7n 2\n', stderr: '' });
  const sum = ['tally', 'sum', 'x', '--port', port];
  expect((await run('npx', ['--no-install', ...sum], { cwd: folder })).stdout).toBe('3\n');
});
