import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { connect } from '@tally/client';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { tally as tallyCommand } from '../run-tally.js';
import { connected, failureOf, sharedTally } from './connection.js';

const shared = sharedTally();

test.each([
  '',
  'host:port',
  'localhost:0',
  'localhost:65536',
  'a b',
  'unix:/tmp/x',
  'http://a',
  '::1',
])('"%s" is not an address', async (address) => {
  await expect(connect(address)).rejects.toThrow(
    `${JSON.stringify(address)} is not the address of a server: host, host:port and [IPv6]:port`,
  );
});

test('nobody answers: UNAVAILABLE, within the time', async () => {
  const listener = net.createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  onTestFinished(() => void listener.close());
  await once(listener, 'listening');
  const address = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
  expect(await failureOf(connect(address, { connectTimeoutMs: 300 }))).toMatchObject({
    code: 'UNAVAILABLE',
    sentence: `no Tally server answered at ${address} within 0.3 s`,
  });
});

test('after close, and at the end of await using, calls fail', async () => {
  const { address } = shared.server;
  const closed = await connect(address);
  closed.close();
  await expect(closed.numbers.stats()).rejects.toThrow();
  let used: typeof closed;
  {
    await using tally = await connect(address);
    used = tally;
    expect(tally.address).toBe(address);
    await tally.numbers.stats();
  }
  await expect(used.numbers.stats()).rejects.toThrow();
});

describe('TLS', () => {
  let folder: string;
  const read = (name: string) => readFile(path.join(folder, name));

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'tally-tls-'));
    for (const name of ['server', 'client']) {
      const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
      const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
      const args = [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        ...files,
        ...names,
      ];
      execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
    }
  });

  afterAll(() => rm(folder, { recursive: true }));

  /** A port where TLS ends in front of the server, as with a load balancer; resolves to the address. */
  async function tlsAddress(asksForCertificate: boolean): Promise<string> {
    const options = {
      cert: await read('server.pem'),
      key: await read('server.key'),
      ca: await read('client.pem'),
      ALPNProtocols: ['h2'],
      requestCert: asksForCertificate,
    };
    const listener = tls.createServer(options, (fromClient) => {
      const toServer = net.connect(shared.server.port, '127.0.0.1');
      for (const socket of [fromClient, toServer]) socket.on('error', () => {});
      fromClient.pipe(toServer).pipe(fromClient);
    });
    listener.listen(0, 'localhost');
    await once(listener, 'listening');
    onTestFinished(() => void listener.close());
    return `localhost:${(listener.address() as AddressInfo).port}`;
  }

  test('with the authority that is trusted', async () => {
    const ca = (await read('server.pem')).toString();
    const tally = await connected(await tlsAddress(false), { tls: { ca } });
    expect(await tally.numbers.set('tls', 1)).toBe(1n);
  });

  test("with a client's certificate, for a server that asks for one", async () => {
    const address = await tlsAddress(true);
    const ca = await read('server.pem');
    const [cert, key] = [await read('client.pem'), await read('client.key')];
    const tally = await connected(address, { tls: { ca, cert, key } });
    await tally.numbers.stats();
    const without = connect(address, { tls: { ca }, connectTimeoutMs: 500 });
    await expect(without.then((each) => each.numbers.stats({ attempts: 1 }))).rejects.toThrow();
  });

  test('not with an authority that nobody trusts, and not without TLS', async () => {
    const address = await tlsAddress(false);
    const short = { connectTimeoutMs: 500 };
    expect(await failureOf(connect(address, { ...short, tls: true }))).toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(await failureOf(connect(address, short))).toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('a certificate without its key is refused', async () => {
    await expect(connect('localhost', { tls: { cert: 'x' } })).rejects.toThrow(/belong together/);
    const run = await tallyCommand(['stats', '--tls-key', path.join(folder, 'client.key')]);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toMatch(/^--tls-cert and --tls-key belong together/);
  });

  test('on the command line', async () => {
    const [host = '', port = ''] = (await tlsAddress(true)).split(':');
    const file = (name: string) => path.join(folder, name);
    const files = ['--tls-ca', file('server.pem'), '--tls-cert', file('client.pem')];
    const where = ['--host', host, '--port', port, ...files, '--tls-key', file('client.key')];
    expect(await tallyCommand(['get', 'tls', ...where])).toMatchObject({ code: 0, stdout: '1\n' });
  });
});
