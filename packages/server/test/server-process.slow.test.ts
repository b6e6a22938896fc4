import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { TableDefinition, UploadReq } from '@tally/stubs';
import { type ClientError, createChannel, createClient, Status } from 'nice-grpc';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { launchServer } from '../dist/launch.js';
import { numberOptions, readConfig } from '../src/config.js';
import {
  callWithBytes,
  connect,
  endWith,
  eventually,
  lessWork,
  withFolder,
  withProcess,
  withServer,
} from './server.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Runs a server that is expected to end by itself. */
async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, ...env },
    // One that starts after all must not outlive the test.
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const printed = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed.out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.err += text;
  });
  const [code] = await once(child, 'close');
  return { code, ...printed };
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
const options = Object.entries(numberOptions).map(([name, option]) => ({
  ...option,
  name: name as keyof typeof numberOptions,
  flag: `--${kebab(name)}`,
  variable: `TALLY_${kebab(name).replaceAll('-', '_').toUpperCase()}`,
  // Ports are written without commas.
  shown: (n: number) => (name === 'port' ? String(n) : n.toLocaleString('en-US')),
}));

const config = (...args: string[]) => readConfig(args, { exitOverride: true });

describe('--help', () => {
  it('lists every option with its range, unit, default and variable', async () => {
    const { code, out, err } = await run(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const text = out.replace(/\s+/g, ' ');
    for (const { flag, variable, min, max, unit, fallback, shown } of options) {
      const range = `${shown(min)} to ${shown(max)}${unit === '' ? '' : ` ${unit}`}`;
      expect(text).toContain(` ${flag} <`);
      expect(text).toContain(`(${range}; default ${shown(fallback)}) [${variable}]`);
    }
    for (const name of ['HOST', 'DATA_DIR', 'SERVICES', 'DURABILITY']) {
      expect(text).toMatch(
        new RegExp(
          ` --${name.toLowerCase().replace('_', '-')} <\\w+> [^[]*\\(default [^)]*\\) \\[TALLY_${name}\\]`,
        ),
      );
    }
  });
});

/** What else must be set for an option to have any value of its range. */
const needed: { readonly [name: string]: readonly string[] } = {
  // Conversions need threads to run on.
  conversionsMax: ['--table-threads', '64'],
  // The largest message must be let in.
  admittedBytesMax: ['--message-bytes-max', '65536'],
};

describe('the configuration', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it.each(options)('takes $name from $flag and $variable; the flag wins', (option) => {
    const { name, flag, variable, min, max, fallback } = option;
    const others = needed[name] ?? [];
    expect(config(...others)[name]).toBe(fallback);
    expect(config(...others, flag, String(max))[name]).toBe(max);
    vi.stubEnv(variable, String(min));
    expect(config(...others)[name]).toBe(min);
    expect(config(...others, flag, String(max))[name]).toBe(max);
  });

  it.each(options)('refuses a $name that is no whole number in its range', (option) => {
    const { flag, variable, min, max, shown } = option;
    const allowed = `is invalid. It must be a whole number from ${shown(min)} to ${shown(max)}.`;
    for (const value of [String(min - 1), String(max + 1), '', 'x', '1e3', '20.5', ' 64', '0x40']) {
      const named = new RegExp(`'${flag} <\\w+>' argument '${value}' ${allowed}$`);
      expect(() => config(flag, value)).toThrow(named);
      vi.stubEnv(variable, value);
      expect(() => config()).toThrow(`value '${value}' from env '${variable}' ${allowed}`);
      vi.unstubAllEnvs();
    }
  });

  it('takes the other options from flags and variables too', () => {
    vi.stubEnv('TALLY_HOST', '0.0.0.0');
    vi.stubEnv('TALLY_DATA_DIR', '/var/lib/tally');
    vi.stubEnv('TALLY_SERVICES', 'tables');
    vi.stubEnv('TALLY_DURABILITY', 'os');
    expect(config()).toMatchObject({
      host: '0.0.0.0',
      dataDir: '/var/lib/tally',
      services: ['tables'],
      durability: 'os',
    });
    const flags = ['--host', '::1', '--data-dir', '/d', '--services', 'tables, numbers'];
    expect(config(...flags, '--durability', 'memory')).toMatchObject({
      host: '::1',
      dataDir: '/d',
      services: ['numbers', 'tables'],
      durability: 'memory',
    });
  });

  it('runs no more conversions than there are table threads', () => {
    expect(config('--table-threads', '1').conversionsMax).toBe(1);
    expect(() => config('--table-threads', '1', '--conversions-max', '2')).toThrow(
      '--conversions-max is 2: at most 1 is allowed',
    );
  });

  it('has room for the largest message', () => {
    const larger = 64 * 1024 * 1024 + 1;
    expect(config('--message-bytes-max', String(larger)).admittedBytesMax).toBe(larger);
    expect(() => config('--admitted-bytes-max', String(larger - 2))).toThrow(
      '--admitted-bytes-max is 67108863: at least 67108864 is needed',
    );
  });

  it.each([
    { args: ['--host', ''], sentence: /'--host .* argument '' .* an IP address or a host name\.$/ },
    { args: ['--data-dir', ''], sentence: /'--data-dir .* argument '' .* the path of a folder\.$/ },
    {
      args: ['--services', ''],
      sentence: /'--services .* argument '' .* numbers, tables, or both/,
    },
    {
      args: ['--services', 'numbers,x'],
      sentence: /'--services .* argument 'numbers,x' .* or both/,
    },
    {
      args: ['--durability', 'x'],
      sentence: /'--durability .* 'x' .* one of fsync, os, memory\.$/,
    },
    { args: ['--prot', '1'], sentence: /unknown option '--prot'\n\(Did you mean --port\?\)$/ },
    { args: ['6000'], sentence: /too many arguments/ },
    { args: ['--port'], sentence: /'--port <port>' argument missing$/ },
  ])('refuses $args', ({ args, sentence }) => {
    expect(() => config(...args)).toThrow(sentence);
  });
});

describe('a server that cannot start', () => {
  it('prints one sentence about a wrong flag or variable and exits with 1', async () => {
    const allowed = 'is invalid. It must be a whole number from 0 to 65535.\n';
    expect(await run(['--port', 'x'])).toEqual({
      code: 1,
      out: '',
      err: `error: option '--port <port>' argument 'x' ${allowed}`,
    });
    expect(await run([], { TALLY_PORT: '65536' })).toEqual({
      code: 1,
      out: '',
      err: `error: option '--port <port>' value '65536' from env 'TALLY_PORT' ${allowed}`,
    });
  });

  it('prints one sentence when its port is taken, exits with 1 and leaves the first alone', async () => {
    await withServer({}, async ({ port, dataDir }, { numbers, table }) => {
      await numbers.setNum({ key: 'a', value: 5n });
      const inProgress = path.join(dataDir, 'tmp', 'in-progress');
      await writeFile(inProgress, 'the work of the first server');
      for (const host of ['127.0.0.1', '0.0.0.0']) {
        const args = ['--port', String(port), '--host', host, '--data-dir', dataDir];
        expect(await run(args)).toEqual({
          code: 1,
          out: '',
          err:
            `Port ${port} of ${host} is in use, perhaps by another Tally: ` +
            'stop what listens there, or choose another port with --port.\n',
        });
      }
      expect(await readFile(inProgress, 'utf8')).toBe('the work of the first server');
      expect(await table.upload({ csvData: Buffer.from('x\n1\n') })).toEqual({ error: '' });
      expect(await numbers.setNum({ key: 'a', value: 5n })).toEqual({ total: 5n });
    });
  });

  it.each([
    { host: '192.0.2.1', sentence: /^192\.0\.2\.1 is no address of this machine: .* --host.*\n$/ },
    { host: 'no such host', sentence: /^Cannot listen on no such host:0: .* --host\.\n$/ },
  ])('prints one sentence when it cannot listen on $host and exits with 1', async (example) => {
    await withFolder(async (folder) => {
      const args = ['--port', '0', '--host', example.host, '--data-dir', path.join(folder, 'data')];
      expect(await run(args)).toEqual({
        code: 1,
        out: '',
        err: expect.stringMatching(example.sentence),
      });
      expect(await readdir(folder)).toEqual([]);
    });
  });

  it.each([
    { what: 'its data folder is a file', file: 'data', dataDir: 'data' },
    { what: 'its data folder would be in a file', file: 'data', dataDir: 'data/below' },
    { what: 'the folder of the numbers is a file', file: 'data/numbers', dataDir: 'data' },
    { what: 'the folder of the tables is a file', file: 'data/tables', dataDir: 'data' },
    { what: 'the system forbids its data folder', file: undefined, dataDir: '/sys/tally' },
  ])('prints one sentence when $what and exits with 1', async ({ file, dataDir }) => {
    await withFolder(async (folder) => {
      if (file !== undefined) {
        await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
        await writeFile(path.join(folder, file), '');
      }
      const data = path.resolve(folder, dataDir);
      const { code, out, err } = await run(['--port', '0', '--data-dir', data]);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toMatch(
        /^(Cannot open the data in|.* is a file, and should be a folder).* --data-dir\..*\n$/,
      );
      expect(err).toContain(file === undefined ? data : path.join(folder, file));
    });
  });
});

describe('a server', () => {
  it('listens on its --host only', async () => {
    await withServer({ args: ['--host', '127.0.0.2'] }, async ({ port }, connection) => {
      const other = connect({ address: `127.0.0.2:${port}` });
      expect(await other.numbers.setNum({ key: 'a', value: 1n })).toEqual({ total: 1n });
      other.close();
      await expect(connection.numbers.setNum({ key: 'a', value: 1n })).rejects.toMatchObject({
        code: Status.UNAVAILABLE,
      });
    });
  });

  it('obeys a variable, and a flag before it', async () => {
    const env = { TALLY_KEY_BYTES_MAX: '3', TALLY_FACTORIAL_MAX: '30' };
    const args = ['--services', 'numbers', '--factorial-max', '40'];
    await withProcess({ env, args }, async (_server, { numbers }) => {
      await expect(numbers.setNum({ key: 'four', value: 1n })).rejects.toMatchObject({
        details: 'the key has 4 bytes: 1 to 3 bytes of UTF-8 are allowed',
      });
      await numbers.setNum({ key: 'n', value: 41n });
      expect((await numbers.fact({ key: 'n' })).error).toContain('up to 40 only');
    });
  });

  const unimplemented = { code: Status.UNIMPLEMENTED };
  it('of --services numbers knows no Table', async () => {
    const args = ['--services', 'numbers'];
    await withServer({ args }, async ({ dataDir }, { numbers, table }) => {
      expect(await numbers.setNum({ key: 'a', value: 1n })).toEqual({ total: 1n });
      await expect(table.upload({ csvData: Buffer.from('x\n') })).rejects.toMatchObject(
        unimplemented,
      );
      await expect(table.colSum({ column: 'x', format: 'csv' })).rejects.toMatchObject(
        unimplemented,
      );
      expect((await readdir(dataDir)).toSorted()).toEqual([
        'format.json',
        'lock',
        'numbers',
        'tmp',
      ]);
    });
  });

  it('of --services tables knows no NumStore', async () => {
    const args = ['--services', 'tables'];
    await withServer({ args }, async ({ dataDir }, { numbers, table }) => {
      expect(await table.colSum({ column: 'x', format: 'csv' })).toMatchObject({ error: '' });
      await expect(numbers.setNum({ key: 'a', value: 1n })).rejects.toMatchObject(unimplemented);
      await expect(numbers.fact({ key: 'a' })).rejects.toMatchObject(unimplemented);
      expect((await readdir(dataDir)).toSorted()).toEqual(['format.json', 'lock', 'tables', 'tmp']);
    });
  });

  it('answers UNIMPLEMENTED to a method that it does not know', async () => {
    await withServer({}, async (server, { numbers }) => {
      for (const method of ['/NumStore/GetNum', '/Nothing/At/All', '/numstore/setnum']) {
        const answer = callWithBytes(server, method, Buffer.alloc(0));
        await expect(answer, method).rejects.toMatchObject(unimplemented);
      }
      expect(await numbers.setNum({ key: 'a', value: 1n })).toEqual({ total: 1n });
    });
  });
});

/** A CSV file of rows of `row`, for an Upload message of exactly `messageBytes` bytes. */
function csvOfMessage(messageBytes: number, row: string): Buffer {
  const zeros = { csvData: Buffer.alloc(messageBytes) };
  const overhead = UploadReq.encode(zeros).finish().length - messageBytes;
  return Buffer.from('x\n'.padEnd(messageBytes - overhead, `${row}\n`));
}

describe('a request message', () => {
  it.each([
    { limit: 65_536, args: ['--message-bytes-max', '65536'], row: '1' },
    // The default.
    { limit: 67_108_864, args: [], row: 'y'.repeat(1000) },
  ])('of $limit bytes is taken, and one byte more is refused', async ({ limit, args, row }) => {
    await withServer({ args }, async (_server, { table }) => {
      const atLimit = csvOfMessage(limit, row);
      expect(UploadReq.encode({ csvData: atLimit }).finish()).toHaveLength(limit);
      const refused = () =>
        expect(table.upload({ csvData: csvOfMessage(limit + 1, row) })).rejects.toMatchObject({
          code: Status.RESOURCE_EXHAUSTED,
          details:
            `the request has ${limit + 1} bytes: at most ${limit} are allowed ` +
            '(--message-bytes-max of the server); ' +
            '/tally.v1.TableService/Upload takes files of any size',
        });
      await refused();
      expect(await table.upload({ csvData: atLimit })).toEqual({ error: '' });
      await refused();
      expect(await table.upload({ csvData: Buffer.from('x\n1\n') })).toEqual({ error: '' });
    });
  });

  it('over the limit is refused for SetNum too, and when it is over the limit only unpacked', async () => {
    const args = ['--message-bytes-max', '65536'];
    await withServer({ args }, async ({ address }, { numbers, table }) => {
      await expect(numbers.setNum({ key: 'k'.repeat(70_000), value: 1n })).rejects.toMatchObject({
        code: Status.RESOURCE_EXHAUSTED,
        // Streaming is no way out here, and not named.
        details: expect.stringMatching(/^the request has 700\d\d bytes: [^;]*$/),
      });
      const gzip = createChannel(address, undefined, { 'grpc.default_compression_algorithm': 2 });
      const gzipTable = createClient(TableDefinition, gzip);
      await expect(gzipTable.upload({ csvData: csvOfMessage(65_537, '1') })).rejects.toMatchObject({
        code: Status.RESOURCE_EXHAUSTED,
        details: expect.stringMatching(
          /^the request has more than 65536 bytes when decompressed: at/,
        ),
      });
      const csvData = csvOfMessage(65_536, '1');
      expect(await gzipTable.upload({ csvData })).toEqual({ error: '' });
      expect(await table.upload({ csvData })).toEqual({ error: '' });
      gzip.close();
    });
  });
});

/** A call that has reached the server and never ends. */
async function openUnfinishedCall(address: string): Promise<() => void> {
  const session = connectHttp2(`http://${address}`);
  session.on('error', () => {});
  await once(session, 'connect');
  const headers = { ':method': 'POST', ':path': '/Table/Upload' };
  const call = session.request({ ...headers, 'content-type': 'application/grpc', te: 'trailers' });
  call.on('error', () => {});
  // A ping overtakes what waits to be sent; the second one is sent, and answered, after the call.
  for (let i = 0; i < 2; i++) {
    await new Promise<void>((resolve, reject) => {
      session.ping((error) => (error === null ? resolve() : reject(error)));
    });
  }
  return () => session.destroy();
}

const tenSeconds = 10_000;

describe.each(['SIGTERM', 'SIGINT'] as const)('on %s a server', (signal) => {
  it('exits with 0, though connections are idle', async () => {
    const server = await launchServer();
    const open = Array.from({ length: 3 }, () => connect(server));
    for (const { numbers } of open) await numbers.setNum({ key: 'a', value: 1n });
    const sentAt = Date.now();
    expect(await endWith(server, signal)).toBe(0);
    expect(Date.now() - sentAt).toBeLessThan(tenSeconds);
    for (const { close } of open) close();
    await server.stop();
  });

  it('lets an upload in progress end, and keeps it', async () => {
    await withFolder(async (dataDir) => {
      const server = await launchServer({ dataDir, args: lessWork });
      const { table, close } = connect(server);
      const rows = 300_000;
      const upload = table.upload({ csvData: Buffer.from(`x\n${'1\n'.repeat(rows)}`) });
      // The CSV file in tmp/ is there while the upload is in progress only.
      await eventually(async () => (await readdir(path.join(dataDir, 'tmp'))).length > 0);
      expect(await endWith(server, signal)).toBe(0);
      expect(await upload).toEqual({ error: '' });
      close();
      await withServer({ dataDir }, async (_server, { table }) => {
        for (const format of ['csv', 'parquet']) {
          expect(await table.colSum({ column: 'x', format })).toEqual({
            total: BigInt(rows),
            error: '',
          });
        }
      });
    });
  });

  it('loses no acknowledged set, and fails others as unavailable or cancelled only', async () => {
    await withFolder(async (dataDir) => {
      const args = ['--services', 'numbers'];
      const server = await launchServer({ dataDir, args });
      const clients = Array.from({ length: 4 }, () => connect(server));
      const acknowledged = new Map<string, bigint>();
      let answers = 0;
      const codes: Status[] = [];
      let ended: Promise<unknown> | undefined;
      const count = async (index: number) => {
        const { numbers } = clients[index % clients.length] ?? connect(server);
        const key = `counter ${index}`;
        try {
          for (let value = 100n; ; value++) {
            await numbers.setNum({ key, value });
            acknowledged.set(key, value);
            if (++answers === 1000) ended = endWith(server, signal);
          }
        } catch (error) {
          codes.push((error as ClientError).code);
        }
      };
      await Promise.all(Array.from({ length: 20 }, (_, index) => count(index)));
      expect(await ended).toBe(0);
      for (const { close } of clients) close();
      for (const code of codes) expect([Status.UNAVAILABLE, Status.CANCELLED]).toContain(code);
      await withServer({ dataDir, args }, async (_server, { numbers }) => {
        let sum = 0n;
        for (const [key, value] of acknowledged) {
          const { error } = await numbers.fact({ key });
          const kept = BigInt(/ is (\d+): /.exec(error)?.[1] ?? 0);
          // The set after the last acknowledged one may have been done, its answer lost.
          expect([value, value + 1n]).toContain(kept);
          sum += kept;
        }
        expect(await numbers.setNum({ key: '-', value: 0n })).toEqual({ total: sum });
      });
    });
  });

  it('waits for a call that never ends as long as --drain-ms, and exits with 0', async () => {
    const server = await launchServer({ args: [...lessWork, '--drain-ms', '300'] });
    const close = await openUnfinishedCall(server.address);
    const sentAt = Date.now();
    expect(await endWith(server, signal)).toBe(0);
    expect(Date.now() - sentAt).toBeGreaterThanOrEqual(290);
    expect(Date.now() - sentAt).toBeLessThan(tenSeconds);
    close();
    await server.stop();
  });

  it('does not wait for an upload in progress past --drain-ms, and keeps nothing of it', async () => {
    await withFolder(async (dataDir) => {
      const server = await launchServer({ dataDir, args: [...lessWork, '--drain-ms', '0'] });
      const { table, close } = connect(server);
      const upload = table.upload({ csvData: Buffer.from(`x\n${'1\n'.repeat(5_000_000)}`) });
      const outcome = upload.catch((error: ClientError) => error.code);
      await eventually(async () => (await readdir(path.join(dataDir, 'tmp'))).length > 0);
      expect(await endWith(server, signal)).toBe(0);
      expect([Status.UNAVAILABLE, Status.CANCELLED]).toContain(await outcome);
      close();
      await withServer({ dataDir }, async (_server, { table }) => {
        expect(await table.colSum({ column: 'x', format: 'csv' })).toEqual({
          total: 0n,
          error: '',
        });
        expect(await readdir(path.join(dataDir, 'tmp'))).toEqual([]);
      });
    });
  });
});

describe('a server that ends as soon as it has started', () => {
  it('exits with 0, though its threads may still load their code', async () => {
    // Several at once slow each other's threads down.
    const servers = await Promise.all([1, 2, 3, 4].map(() => launchServer()));
    const codes = await Promise.all(servers.map((server) => server.stop()));
    expect(codes).toEqual([0, 0, 0, 0]);
  });
});

describe('on a second signal a server', () => {
  it('still lets the calls in progress end', async () => {
    await withFolder(async (dataDir) => {
      const server = await launchServer({ dataDir, args: lessWork });
      const { table, close } = connect(server);
      const upload = table.upload({ csvData: Buffer.from(`x\n${'1\n'.repeat(300_000)}`) });
      await eventually(async () => (await readdir(path.join(dataDir, 'tmp'))).length > 0);
      const ended = endWith(server, 'SIGINT');
      await eventually(async () => server.output().includes('SIGINT: finishing'));
      server.process.kill('SIGINT');
      server.process.kill('SIGTERM');
      expect(await ended).toBe(0);
      expect(await upload).toEqual({ error: '' });
      close();
    });
  });
});

it('the data folder is made if missing, for its owner only', async () => {
  await withFolder(async (folder) => {
    const dataDir = path.join(folder, 'a', 'b');
    await withServer({ dataDir, args: ['--services', 'numbers'] }, async () => {
      for (const made of [dataDir, path.dirname(dataDir)]) {
        expect((await stat(made)).mode & 0o777, made).toBe(0o700);
      }
    });
  });
});
