import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { createToken } from '../dist/access/token-file.js';
import { authority, certificate, written } from './certificates.js';
import { eventually, withFolder, withProcess } from './server.js';

const ca = await authority('Tally test authority');
const server = await certificate('server', { by: ca });

/** Runs `work` with a folder that has a token file and a certificate with its key. */
async function withAccess(
  work: (files: { folder: string; tokens: string; args: readonly string[] }) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const tokens = path.join(folder, 'tokens');
    await writeFile(tokens, `${createToken('a', ['admin'], undefined).line}\n`, { mode: 0o600 });
    const { cert, key } = await written(folder, 'server', server);
    await work({ folder, tokens, args: ['--tls-cert', cert, '--tls-key', key] });
  });
}

describe('a start says in a sentence', () => {
  test.each(['GRPC_TRACE', 'GRPC_NODE_TRACE'])('that %s would show tokens', async (variable) => {
    await withAccess(async ({ tokens }) => {
      const env = { [variable]: 'all', GRPC_VERBOSITY: 'DEBUG' };
      const start = withProcess({ args: ['--token-file', tokens], env }, async () => {});
      await expect(start).rejects.toThrow(
        `${variable} would have gRPC write the tokens of clients to standard error`,
      );
    });
  });

  test('that a URL is no place for a password, without the password', async () => {
    const args = ['--otlp-endpoint', 'http://someone:s3cret@localhost:4318'];
    const { message } = await withProcess({ args }, async () => {}).then(
      () => new Error('it started'),
      (error: Error) => error,
    );
    expect(message).toContain('--otlp-endpoint holds a password');
    expect(message).not.toContain('s3cret');
  });

  test.each([
    { what: 'chain', flag: '--tls-cert' },
    { what: 'authorities', flag: '--tls-client-ca' },
  ])('that a certificate is cut off behind the first of the $what', async ({ flag }) => {
    await withAccess(async ({ folder, args }) => {
      const bundle = path.join(folder, 'bundle');
      await writeFile(bundle, `${server.cert}\n${ca.cert.slice(0, 200)}\n`);
      const start = withProcess({ args: [...args, flag, bundle] }, async () => {});
      await expect(start).rejects.toThrow(`${bundle} is not `);
    });
  });

  test('that a chain and authorities of several certificates are right, by starting', async () => {
    await withAccess(async ({ folder, args }) => {
      const bundle = path.join(folder, 'bundle');
      await writeFile(bundle, `A comment\n${server.cert}\n${ca.cert}\n`);
      const all = [...args, '--tls-cert', bundle, '--tls-client-ca', bundle];
      await withProcess({ args: all }, async () => {});
    });
  });
});

describe('a start warns', () => {
  test('of tokens that others may add to', async () => {
    await withAccess(async ({ tokens }) => {
      await chmod(tokens, 0o666);
      await withProcess({ args: ['--token-file', tokens] }, async ({ output }) => {
        await eventually(async () => output().includes(`Other users of this machine may write to`));
      });
    });
  });

  test('of variables that no option has', async () => {
    const env = { TALLY_TOKENFILE: '/tokens', TALLY_TOKEN: 'the client has it' };
    await withProcess({ env }, async ({ output }) => {
      await eventually(async () => output().includes('TALLY_TOKENFILE'));
      expect(output()).toMatch(/TALLY_TOKENFILE.*: no option has/);
      expect(output()).not.toMatch(/TALLY_TOKEN[,:]/);
    });
  });
});
