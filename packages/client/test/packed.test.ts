import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { launchServer } from '@tally/server/launch';
import { expect, test } from 'vitest';
import { temporaryFolder } from './temporary-folder.js';

const run = promisify(execFile);
const client = fileURLToPath(new URL('..', import.meta.url));

test('what is published has the SDK with its types, and the command', async () => {
  const folder = await temporaryFolder({});
  await run('npm', ['pack', '--pack-destination', folder], { cwd: client });
  const [tarball = ''] = await readdir(folder);
  const installed = path.join(folder, 'node_modules/@tally/client');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'], { cwd: folder });
  // The dependencies are those of the workspace: nothing else is reached from the package.
  await symlink(path.join(client, 'node_modules'), path.join(installed, 'node_modules'));

  const { exports, bin } = JSON.parse(await readFile(path.join(installed, 'package.json'), 'utf8'));
  expect(await readFile(path.join(installed, exports['.'].types), 'utf8')).toContain('connect');
  await writeFile(
    path.join(folder, 'first.mjs'),
    `import { connect } from '@tally/client';
     const tally = await connect(process.argv[2]);
     console.log(await tally.numbers.set('packed', 7n));
     tally.close();`,
  );
  const server = await launchServer();
  try {
    const first = await run(process.execPath, ['first.mjs', server.address], { cwd: folder });
    expect(first).toEqual({ stdout: '7n\n', stderr: '' });
    const tally = [path.join(installed, bin.tally), 'get', 'packed', '--port', `${server.port}`];
    expect((await run(process.execPath, tally)).stdout).toBe('7\n');
  } finally {
    await server.stop();
  }
});
