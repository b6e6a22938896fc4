import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { scopes } from '../dist/access/scopes.js';
import { createToken } from '../dist/access/token-file.js';
import { authority, type Certified, certificate, written } from './certificates.js';
import { everyMethod, openCalls } from './every-method.js';
import { eventually, withFolder } from './server.js';

const main = path.join(import.meta.dirname, '../dist/main.js');
const ca = await authority('Tally test authority');
const server = await certificate('server', { by: ca });

/** The lines of a private key that hold it. */
const secretLines = ({ key }: Certified) =>
  key.split('\n').filter((line) => line.length > 20 && !line.startsWith('---'));

const hashOf = (line: string) => line.split(' ')[1]?.replace('sha256:', '') as string;

/** Lines that hold a token, or its hash, where something else is to be. */
function misplaced({ token, line }: { readonly token: string; readonly line: string }): string[] {
  const fields = line.split(' ');
  return [
    `${line} more`,
    `${line} ${token}`,
    token,
    ...fields.map((_, i) => fields.with(i, token).join(' ')),
    ...fields.flatMap((field, i) =>
      i === 1 ? [] : [fields.with(i, fields[1] ?? field).join(' ')],
    ),
  ];
}

test('no token, no hash of one and no private key is in a log, an error, a metric or a title', async () => {
  await withFolder(async (folder) => {
    const files = await written(folder, 'server', server);
    const good = createToken('good', scopes, undefined);
    const few = createToken('few', ['numbers:read'], undefined);
    const expired = createToken('expired', scopes, new Date(0));
    const unknown = createToken('unknown', scopes, undefined);
    const tokenFile = path.join(folder, 'tokens');
    await writeFile(tokenFile, [good, few, expired].map(({ line }) => `${line}\n`).join(''));
    const secrets = [
      ...[good, few, expired, unknown].flatMap(({ token, line }) => [token, hashOf(line)]),
      ...secretLines(server),
    ];
    const child = spawn(process.execPath, [
      main,
      ...['--port', '0', '--metrics-port', '0', '--data-dir', path.join(folder, 'data')],
      ...['--tls-cert', files.cert, '--tls-key', files.key, '--token-file', tokenFile],
      ...['--log-level', 'debug', '--slow-call-ms', '1', '--warmup-calls', '0'],
    ]);
    let seen = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        seen += text;
      });
    }
    const exited = once(child, 'exit');
    const port = await eventually(async () => /^Tally serves .*:(\d+), data/m.exec(seen)?.[1]);
    const metricsUrl = /http:\S+\/metrics/.exec(seen)?.[0] as string;

    const calls = openCalls(Number(port), credentials.createSsl(Buffer.from(ca.cert)));
    const tokens = [good, few, expired, unknown].map(({ token }) => token);
    const message = new Uint8Array();
    for (const method of await everyMethod()) {
      for (const token of [undefined, ...tokens]) {
        seen += (await calls.call(method, { token, message })).message;
      }
      seen += (await calls.call(method, { authorization: `Basic ${good.token}`, message })).message;
    }
    calls.close();
    // What is not understood of the files is told of, and not shown.
    await writeFile(files.key, server.key.slice(0, -60));
    await eventually(async () => /certificates? from/i.test(seen));
    for (const [i, line] of misplaced(good).entries()) {
      await writeFile(`${tokenFile}.new`, `${line}\n`);
      await rename(`${tokenFile}.new`, tokenFile);
      await eventually(async () => seen.split('tokens from before').length === i + 2);
    }
    seen += await (await fetch(metricsUrl)).text();
    for (const name of ['cmdline', 'comm']) {
      seen += await readFile(`/proc/${child.pid}/${name}`, 'utf8').catch(() => '');
    }
    child.kill();
    expect((await exited)[0]).toBe(0);
    expect(seen).toMatch(/PERMISSION_DENIED/);
    for (const secret of secrets) expect(seen.includes(secret)).toBe(false);
  });
});

test.each([
  { what: 'a key of another certificate', key: async () => (await authority('x')).key },
  { what: 'a key that is none', key: async () => 'none\n' },
  { what: 'a certificate for a key', key: async () => server.cert },
  { what: 'half a key', key: async () => server.key.slice(0, -60) },
])('$what ends the start with a sentence, which does not show it', async ({ key }) => {
  await withFolder(async (folder) => {
    const text = await key();
    const files = await written(folder, 'server', { cert: server.cert, key: text });
    const start = promisify(execFile)(process.execPath, [
      main,
      ...['--port', '0', '--data-dir', path.join(folder, 'data')],
      ...['--tls-cert', files.cert, '--tls-key', files.key],
    ]);
    const failed = await start.catch((error) => error);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(files.key);
    expect(failed.stderr.trimEnd().split('\n')).toHaveLength(1);
    for (const line of secretLines({ cert: '', key: text }))
      expect(failed.stderr).not.toContain(line);
  });
});
