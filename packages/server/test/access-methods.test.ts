import { appendFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Need, needs as needsOfServer, type Scope, scopes } from '../dist/access/scopes.js';
import { createToken, tokenFileHead } from '../dist/access/token-file.js';
import { logger } from '../dist/logger.js';
import { authority, type Certified, certificate, written } from './certificates.js';
import { everyMethod, openCalls } from './every-method.js';
import { eventually, withFolder, withServer } from './server.js';

const methods = await everyMethod();
const emptyMessage = new Uint8Array();
const pem = (text: string) => Buffer.from(text);
const ca = await authority('Tally test authority');
const foreignCa = await authority('Another authority');
const client = await certificate('client', { by: ca });

/** The credentials of a client that trusts `trusted`, with a certificate of its own or none. */
const encrypted = (trusted: Certified, own?: Certified) =>
  credentials.createSsl(
    pem(trusted.cert),
    own === undefined ? null : pem(own.key),
    own === undefined ? null : pem(own.cert),
  );

/** What each method is to need: said once more, so that no slip opens one. */
const needed: Readonly<Record<Need, readonly string[]>> = {
  'numbers:read': [
    '/NumStore/Fact',
    '/tally.v1.NumberService/GetNumber',
    '/tally.v1.NumberService/ListNumbers',
    '/tally.v1.NumberService/ComputeFactorial',
    '/tally.v1.NumberService/GetNumberStats',
  ],
  'numbers:write': [
    '/NumStore/SetNum',
    '/tally.v1.NumberService/SetNumber',
    '/tally.v1.NumberService/AddToNumber',
    '/tally.v1.NumberService/DeleteNumber',
    '/tally.v1.NumberService/BatchNumbers',
  ],
  'tables:read': [
    '/Table/ColSum',
    '/tally.v1.TableService/ListTables',
    '/tally.v1.TableService/DescribeTable',
    '/tally.v1.TableService/ListChunks',
    '/tally.v1.TableService/Aggregate',
    '/tally.v1.TableService/Export',
  ],
  'tables:write': [
    '/Table/Upload',
    '/tally.v1.TableService/CreateTable',
    '/tally.v1.TableService/DropTable',
    '/tally.v1.TableService/DeleteChunk',
    '/tally.v1.TableService/Upload',
  ],
  admin: ['/tally.v1.AdminService/Backup'],
  'any token': ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'],
  nothing: ['/grpc.health.v1.Health/Check', '/grpc.health.v1.Health/Watch'],
};
const needs = new Map(
  (Object.keys(needed) as Need[]).flatMap((need) =>
    needed[need].map((method) => [method, need] as const),
  ),
);

test('what a call needs is said of every method that there is, and of no other', () => {
  expect([...needs.keys()].sort()).toEqual([...methods].sort());
  expect(new Map([...needsOfServer].sort())).toEqual(new Map([...needs].sort()));
});

describe('on every method', () => {
  test.each([
    { what: 'a plaintext client', channel: () => credentials.createInsecure() },
    { what: 'a client that trusts another authority', channel: () => encrypted(foreignCa, client) },
    { what: 'a client without a certificate', channel: () => encrypted(ca) },
    {
      what: 'a client whose certificate is of another authority',
      channel: async () => encrypted(ca, await certificate('client', { by: foreignCa })),
    },
    {
      what: 'a client whose certificate has expired',
      channel: async () => encrypted(ca, await certificate('client', { by: ca, isExpired: true })),
    },
    {
      what: 'a client that gets an expired certificate',
      channel: () => encrypted(ca, client),
      server: { isExpired: true },
    },
    {
      what: 'a client that gets the certificate of another name',
      channel: () => encrypted(ca, client),
      server: { names: ['other.example'] },
    },
  ])('$what is refused', async ({ channel, server = {} }) => {
    await withEncryptedServer(await certificate('server', { by: ca, ...server }), async (port) => {
      const calls = openCalls(port, await channel());
      try {
        for (const method of methods) {
          const { code } = await calls.call(method, { message: emptyMessage });
          expect([method, code]).toEqual([method, 'UNAVAILABLE']);
        }
      } finally {
        calls.close();
      }
    });
  });

  test('a client whose certificate is right is answered', async () => {
    await withEncryptedServer(await certificate('server', { by: ca }), async (port) => {
      const calls = openCalls(port, encrypted(ca, client));
      try {
        for (const method of methods) {
          const { code } = await calls.call(method, { message: emptyMessage });
          expect([method, code]).not.toEqual([method, 'UNAVAILABLE']);
        }
      } finally {
        calls.close();
      }
    });
  });
});

/** A server that asks its clients for certificates of the authority. */
async function withEncryptedServer(server: Certified, work: (port: number) => Promise<void>) {
  await withFolder(async (folder) => {
    const files = await written(folder, 'server', server);
    const { cert: clientCa } = await written(folder, 'ca', ca);
    const args = ['--tls-cert', files.cert, '--tls-key', files.key, '--tls-client-ca', clientCa];
    await withServer({ args }, ({ port }) => work(port));
  });
}

describe('tokens, on every method', () => {
  const hour = 3_600_000;
  const later = new Date(Date.now() + hour);
  const only = Object.fromEntries(
    scopes.map((scope) => [scope, createToken(scope.replace(':', '-'), [scope], later)]),
  ) as Record<Scope, ReturnType<typeof createToken>>;
  const allOf = createToken('all', scopes, undefined);
  const expired = createToken('expired', scopes, new Date(Date.now() - hour));
  const unknown = createToken('unknown', scopes, later);
  let port: number;
  let calls: ReturnType<typeof openCalls>;
  let file: string;
  let end: () => void;
  let ended: Promise<void>;

  beforeAll(async () => {
    await new Promise<void>((ready, failed) => {
      ended = withFolder(async (folder) => {
        file = path.join(folder, 'tokens');
        const lines = [...Object.values(only), allOf, expired].map(({ line }) => `${line}\n`);
        await writeFile(file, tokenFileHead + lines.join(''));
        await withServer({ args: ['--token-file', file] }, async (server) => {
          port = server.port;
          calls = openCalls(port, credentials.createInsecure());
          ready();
          await new Promise<void>((resolve) => {
            end = resolve;
          });
          calls.close();
        });
      });
      ended.catch(failed);
    });
  });
  afterAll(async () => {
    end();
    await ended;
  });

  const guarded = methods.filter((method) => needs.get(method) !== 'nothing');

  test.each([
    { what: 'none', options: {}, of: guarded, reason: 'TOKEN_MISSING' },
    // What is left of it on its way is nothing.
    {
      what: 'an empty one',
      options: { authorization: 'Bearer ' },
      of: guarded,
      reason: 'TOKEN_MISSING',
    },
    {
      what: 'what is no token',
      options: { authorization: 'Basic abc' },
      of: methods,
      reason: 'TOKEN_MISSING',
    },
    {
      what: 'an unknown one',
      options: { token: unknown.token },
      of: methods,
      reason: 'TOKEN_UNKNOWN',
    },
    {
      what: 'a known one with one letter more',
      options: { token: `${allOf.token}x` },
      of: methods,
      reason: 'TOKEN_UNKNOWN',
    },
    {
      what: 'an expired one',
      options: { token: expired.token },
      of: methods,
      reason: 'TOKEN_EXPIRED',
    },
  ])('$what is refused before a message is sent', async ({ options, of, reason }) => {
    for (const method of of) {
      const ending = await calls.call(method, options);
      expect({ method, ...ending }).toMatchObject({ method, code: 'UNAUTHENTICATED', reason });
    }
  });

  test('one of every scope but what it needs is refused', async () => {
    for (const method of guarded) {
      const need = needs.get(method);
      const wrong = need === 'any token' ? [] : scopes.filter((s) => s !== need && s !== 'admin');
      for (const scope of wrong) {
        const ending = await calls.call(method, { token: only[scope].token });
        const code = 'PERMISSION_DENIED';
        expect({ method, ...ending }).toMatchObject({ method, code, reason: 'SCOPE_MISSING' });
      }
    }
  });

  test('one of the scope that it needs, and one of admin, are answered', async () => {
    for (const method of methods) {
      const need = needs.get(method) as Scope;
      for (const { token } of [only[need] ?? only['numbers:read'], only.admin, allOf]) {
        const { code } = await calls.call(method, { token, message: emptyMessage });
        expect(['UNAUTHENTICATED', 'PERMISSION_DENIED']).not.toContain(code);
      }
    }
  });

  test('health needs none', async () => {
    for (const method of needed.nothing) {
      expect((await calls.call(method, { message: emptyMessage })).code).toBe('OK');
    }
  });

  test('a method that does not exist is none, whatever is sent', async () => {
    const asked = '/tally.v1.NumberService/NoSuchMethod';
    expect((await calls.call(asked)).code).toBe('UNIMPLEMENTED');
    expect((await calls.call(asked, { token: only.admin.token })).code).toBe('UNIMPLEMENTED');
  });

  test('one that is added lets in, and one that is taken out does not, without a restart', async () => {
    const stats = '/tally.v1.NumberService/GetNumberStats';
    const added = createToken('added', ['numbers:read'], later);
    const message = emptyMessage;
    await appendFile(file, `${added.line}\n`);
    const codeOf = async (token: string) => (await calls.call(stats, { token, message })).code;
    await eventually(async () => (await codeOf(added.token)) === 'OK');

    const others = [...Object.values(only), allOf].map(({ line }) => `${line}\n`).join('');
    await writeFile(`${file}.new`, others);
    await rename(`${file}.new`, file);
    await eventually(async () => (await codeOf(added.token)) === 'UNAUTHENTICATED');

    await writeFile(`${file}.new`, `${others}${added.line}\n`);
    await logged('tokens from before stay', () => writeFile(file, 'no token at all\n'));
    expect(await codeOf(allOf.token)).toBe('OK');
    await rename(`${file}.new`, file);
    await eventually(async () => (await codeOf(added.token)) === 'OK');
  });
});

/** Resolves when a line with the text has been logged. */
async function logged(text: string, change: () => Promise<void>): Promise<void> {
  const error = vi.spyOn(logger, 'error');
  try {
    await change();
    await eventually(async () => error.mock.calls.some(([line]) => String(line).includes(text)));
  } finally {
    error.mockRestore();
  }
}

test('a new certificate is shown to new connections, and old ones go on', async () => {
  await withFolder(async (folder) => {
    const files = await written(folder, 'server', await certificate('server', { by: ca }));
    const args = ['--tls-cert', files.cert, '--tls-key', files.key];
    await withServer({ args }, async ({ port }) => {
      const check = '/grpc.health.v1.Health/Check';
      const message = emptyMessage;
      const answerTo = async (trusted: Certified) => {
        const calls = openCalls(port, encrypted(trusted));
        const { code } = await calls.call(check, { message });
        calls.close();
        return code;
      };
      const old = openCalls(port, encrypted(ca));
      expect((await old.call(check, { message })).code).toBe('OK');
      expect(await answerTo(foreignCa)).toBe('UNAVAILABLE');

      await written(folder, 'server', await certificate('server', { by: foreignCa }));
      await eventually(async () => (await answerTo(foreignCa)) === 'OK');
      expect(await answerTo(ca)).toBe('UNAVAILABLE');
      expect((await old.call(check, { message })).code).toBe('OK');
      old.close();

      // Half of a pair that does not go together is not taken.
      const next = await certificate('server', { by: ca });
      await logged('certificates from before stay', () => writeFile(files.key, next.key));
      expect(await answerTo(foreignCa)).toBe('OK');
      await writeFile(files.cert, next.cert);
      await eventually(async () => (await answerTo(ca)) === 'OK');
    });
  });
});

test.each([
  { version: 'TLSv1.1', isSpoken: false },
  { version: 'TLSv1.2', isSpoken: true },
  { version: 'TLSv1.3', isSpoken: true },
] as const)('$version is spoken: $isSpoken', async ({ version, isSpoken }) => {
  await withFolder(async (folder) => {
    const files = await written(folder, 'server', await certificate('server', { by: ca }));
    const args = ['--tls-cert', files.cert, '--tls-key', files.key];
    await withServer({ args }, async ({ port }) => {
      const socket = connectTls({
        port,
        ca: ca.cert,
        servername: 'localhost',
        ALPNProtocols: ['h2'],
        minVersion: version,
        maxVersion: version,
        // Else this client itself would have nothing to offer for an old version.
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      const spoken = new Promise<string | null>((resolve, reject) => {
        socket.on('secureConnect', () => resolve(socket.getProtocol()));
        socket.on('error', reject);
      });
      if (isSpoken) expect(await spoken).toBe(version);
      else await expect(spoken).rejects.toThrow(/protocol version/);
      socket.destroy();
    });
  });
});
