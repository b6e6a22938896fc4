import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect } from '@tally/client';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { authority, certificate, written } from '../../server/test/certificates.js';
import { tally } from './run-tally.js';
import { connected, failureOf } from './sdk/connection.js';

let folder: string;
let here: LaunchedServer;
let elsewhere: LaunchedServer;
let ca: string;
let caFile: string;
const file = (name: string) => path.join(folder, name);

async function launch(
  name: string,
  names: readonly string[],
  by: Awaited<ReturnType<typeof authority>>,
) {
  const { cert, key } = await written(folder, name, await certificate(name, { by, names }));
  const args = ['--durability', 'os', '--token-file', file('tokens')];
  return launchServer({ args: [...args, '--tls-cert', cert, '--tls-key', key] });
}

const create = (name: string, ...more: readonly string[]) =>
  tally(['token', 'create', name, '--file', file('tokens'), ...more]);

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tally-secure-'));
  for (const [name, scope] of [
    ['all', 'admin'],
    ['reader', 'numbers:read'],
  ] as const) {
    const made = await create(name, '--scope', scope, '--out', file(`${name}.token`));
    expect(made).toMatchObject({ code: 0, stdout: '' });
  }
  const by = await authority('Tally test authority');
  ({ cert: caFile } = await written(folder, 'ca', by));
  ca = by.cert;
  here = await launch('here', ['localhost', '127.0.0.1'], by);
  elsewhere = await launch('elsewhere', ['other.example', '10.9.9.9'], by);
});

afterAll(async () => {
  await Promise.all([here?.stop(), elsewhere?.stop()]);
  await rm(folder, { recursive: true });
});

const tokenIn = (name: string) => readFile(file(`${name}.token`), 'utf8');
const where = (port: number, host = '127.0.0.1') => [
  ...['--host', host, '--port', String(port), '--tls-ca', caFile],
  ...['--connect-timeout', '2', '--attempts', '1'],
];

describe('the SDK', () => {
  test('sends the token of a file as it was read, or of a function, to a server by name or address', async () => {
    for (const host of ['localhost', '127.0.0.1']) {
      for (const token of [await tokenIn('all'), () => tokenIn('all')]) {
        const each = await connected(`${host}:${here.port}`, { tls: { ca }, token });
        expect(await each.numbers.set('a', 1)).toBe(1n);
      }
    }
  });

  test.each(['localhost', '127.0.0.1'])(
    'refuses a server at %s whose certificate is for another',
    async (host) => {
      const token = await tokenIn('all');
      const address = `${host}:${elsewhere.port}`;
      const failed = await failureOf(
        connect(address, { tls: { ca }, token, connectTimeoutMs: 2000 }),
      );
      expect(failed).toMatchObject({ code: 'UNAVAILABLE' });
    },
  );

  test('is refused without a token, with another one, and with one of other scopes', async () => {
    const address = `localhost:${here.port}`;
    const codeWith = async (token: string | undefined) => {
      const each = await connected(address, { tls: { ca }, token });
      return (await failureOf(each.numbers.set('a', 1))).code;
    };
    expect(await codeWith(undefined)).toBe('UNAUTHENTICATED');
    expect(await codeWith('tally_none')).toBe('UNAUTHENTICATED');
    expect(await codeWith(await tokenIn('reader'))).toBe('PERMISSION_DENIED');
  });

  test.each(['two words', 'tally_\u201cquoted\u201d', '\u0000', ''])(
    'says of %j that it is no token, without repeating it',
    async (token) => {
      const failed = await connect(`localhost:${here.port}`, { tls: { ca }, token }).catch(
        (error: unknown) => error,
      );
      expect(failed).toBeInstanceOf(TypeError);
      if (token !== '') expect(String(failed)).not.toContain(token);
    },
  );

  test('sends no token unencrypted to another machine', async () => {
    const token = await tokenIn('all');
    await expect(connect('192.0.2.1', { token })).rejects.toThrow(
      'A token is not sent unencrypted to another machine (192.0.2.1:5440): connect with TLS.',
    );
  });
});

describe('the command line', () => {
  test('takes a token from a file and from TALLY_TOKEN', async () => {
    const set = ['set', 'b', '2', ...where(here.port)];
    expect(await tally([...set, '--token-from', file('all.token')])).toMatchObject({ code: 0 });
    const env = { TALLY_TOKEN: await tokenIn('all') };
    expect(await tally(set, { env })).toMatchObject({ code: 0 });
  });

  test('says why it is refused', async () => {
    const set = ['set', 'b', '2', ...where(here.port)];
    const none = await tally(set);
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toMatch(/this server asks for a token/);
    const reader = await tally([...set, '--token-from', file('reader.token')]);
    expect(reader).toMatchObject({ code: 1, stdout: '' });
    expect(reader.stderr).toMatch(/the token of reader is for numbers:read/);
    const other = await tally(['get', 'b', ...where(elsewhere.port)]);
    expect(other).toMatchObject({ code: 3, stdout: '' });
    expect(other.stderr).toMatch(/certificate/i);
  });

  test.each([
    ['never', /^until-never {2}admin {2}never$/m],
    ['1d', /^until-1d {2}admin {2}\d{4}-\d\d-\d\dT\S+Z$/m],
    ['2020-01-01T00:00:00Z', /^until-2020\S+ {2}admin {2}2020-01-01T00:00:00.000Z \(expired\)$/m],
  ])('makes tokens that expire %s', async (expires, shown) => {
    const name = `until-${expires.replaceAll(':', '-')}`;
    const made = await create(name, '--scope', 'admin', '--expires', expires);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^tally_\S+\n$/) });
    const list = await tally(['token', 'list', '--file', file('tokens')]);
    expect(list.stdout).toMatch(shown);
  });

  test('makes tokens for their owner only, once, and never writes over a file', async () => {
    expect((await stat(file('tokens'))).mode & 0o777).toBe(0o600);
    expect((await stat(file('all.token'))).mode & 0o777).toBe(0o600);
    const before = await readFile(file('tokens'), 'utf8');
    const again = await create('again', '--scope', 'admin', '--out', file('all.token'));
    expect(again).toMatchObject({ code: 2, stdout: '' });
    expect(again.stderr).toContain('all.token: it is there already');
    expect(await readFile(file('tokens'), 'utf8')).toBe(before);
    const misnamed = await create((await tokenIn('all')).trim(), '--scope', 'admin');
    expect(misnamed).toMatchObject({ code: 2, stdout: '' });
    const list = await tally(['token', 'list', '--file', file('tokens')]);
    expect(list.stdout).toMatch(/^all {2}admin {2}.*\nreader {2}numbers:read {2}/);
  });
});
