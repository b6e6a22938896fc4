import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { LaunchOptions } from '../dist/launch.js';
import { type Connection, connect, eventually, withFolder, withProcess } from './server.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const nodeArgs = ['--import', new URL('./report-listeners.mjs', import.meta.url).href];

/** A server process that is still warming up, and will be for longer than a test takes. */
interface WarmingServer {
  readonly connection: Connection;
  readonly output: () => string;
  end(): Promise<number | null>;
}

/** Runs `work` while a server sends itself `calls` warm-up calls, which have begun. */
async function whileWarming<T>(
  calls: number,
  folders: { readonly dataDir: string; readonly temporary: string },
  work: (server: WarmingServer) => Promise<T>,
): Promise<T> {
  const args = ['--port', '0', '--data-dir', folders.dataDir, '--warmup-calls', String(calls)];
  const server = spawn(process.execPath, [...nodeArgs, main, ...args], {
    env: { ...process.env, TMPDIR: folders.temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 100_000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exited = once(server, 'exit');
  try {
    // The first listener is the public one, the second one the warm-up's.
    const ports = await eventually(async () => {
      const seen = [...output.matchAll(/listening on port (\d+)/g)];
      return seen.length === 2 && seen.map(([, port]) => port);
    });
    const connection = connect({ address: `127.0.0.1:${ports[0]}` });
    const result = await work({
      connection,
      output: () => output,
      async end() {
        server.kill('SIGTERM');
        const [code] = await exited;
        return code;
      },
    });
    connection.close();
    return result;
  } finally {
    server.kill('SIGKILL');
    await exited;
  }
}

/** Runs `work` with a data folder, not there yet, and an empty folder for temporary files. */
function withFolders(
  work: (folders: { readonly dataDir: string; readonly temporary: string }) => Promise<void>,
): Promise<void> {
  return withFolder((folder) =>
    withFolder((temporary) => work({ dataDir: path.join(folder, 'data'), temporary })),
  );
}

it('calls that come during the warm-up wait, and are right', async () => {
  await withFolders(async (folders) => {
    await whileWarming(2000, folders, async ({ connection, output, end }) => {
      const { numbers, table } = connection;
      const set = numbers.setNum({ key: 'a', value: 5n });
      const upload = table.upload({ csvData: Buffer.from('x\n41\n') });
      expect(output()).not.toContain('Tally serves');
      expect(await set).toEqual({ total: 5n });
      expect(await numbers.fact({ key: 'a' })).toEqual({ value: 120n, hit: false, error: '' });
      expect(await upload).toEqual({ error: '' });
      for (const format of ['csv', 'parquet']) {
        expect(await table.colSum({ column: 'x', format })).toEqual({ total: 41n, error: '' });
      }
      await eventually(async () => output().includes('Tally serves'));
      expect(output()).toMatch(/^Ready in \d+\.\d s, \d+\.\d s of it for 2,000 warm-up calls$/m);
      expect(await end()).toBe(0);
    });
  });
});

it('a call that is cancelled while it waits for the start changes nothing', async () => {
  await withFolders(async (folders) => {
    await whileWarming(2000, folders, async ({ connection: { numbers }, output, end }) => {
      const abort = new AbortController();
      const set = numbers.setNum({ key: 'a', value: 5n }, { signal: abort.signal });
      const outcome = set.catch((error: Error) => error.name);
      const other = numbers.setNum({ key: 'b', value: 1n });
      // The calls before on the connection have come by then: this one needs no data.
      await expect(numbers.setNum({ key: '', value: 1n })).rejects.toThrow('is empty');
      abort.abort();
      expect(await outcome).toBe('AbortError');
      expect(output()).not.toContain('Tally serves');
      expect(await other).toEqual({ total: 1n });
      expect((await numbers.fact({ key: 'a' })).error).toMatch(/^no number is called "a"/);
      expect(await end()).toBe(0);
    });
  });
});

it('on SIGTERM the warm-up ends at once, and the calls that wait are still answered', async () => {
  await withFolders(async (folders) => {
    await whileWarming(100_000, folders, async ({ connection, output, end }) => {
      let answered = false;
      const set = connection.numbers.setNum({ key: 'a', value: 5n }).finally(() => {
        answered = true;
      });
      // The warm-up's own numbers are there, so it is under way.
      await eventually(async () =>
        (await readdir(folders.temporary, { recursive: true })).some((name) =>
          name.endsWith('data.mdb'),
        ),
      );
      // What is refused needs no data, and is refused at once: time enough to answer the first call.
      for (let i = 0; i < 50; i++) {
        await expect(connection.numbers.setNum({ key: '', value: 1n })).rejects.toThrow('is empty');
      }
      expect(answered).toBe(false);
      const sentAt = Date.now();
      expect(await end()).toBe(0);
      expect(Date.now() - sentAt).toBeLessThan(8000);
      expect(await set).toEqual({ total: 5n });
      expect(output()).not.toContain('Tally serves');
      expect(await readdir(folders.temporary)).toEqual([]);
    });
  });
});

it('nothing of the warm-up is left in the data, the caches or the temporary folder', async () => {
  await withFolders(async ({ dataDir, temporary }) => {
    const env = { TMPDIR: temporary };
    await withProcess({ dataDir, env, warmupCalls: 500 }, async (server, { numbers, table }) => {
      expect(await readdir(temporary)).toEqual([]);
      expect((await readdir(dataDir)).toSorted()).toEqual([
        'format.json',
        'lock',
        'numbers',
        'tables',
        'tmp',
      ]);
      const files = await readdir(path.join(dataDir, 'tables'), { recursive: true });
      expect(files.filter((name) => /\.(csv|json|parquet)$/.test(name))).toEqual([]);
      expect(await table.colSum({ column: 'x', format: 'csv' })).toEqual({
        total: 0n,
        error: '',
      });
      // The keys that the warm-up sets.
      for (const key of ['key 0', 'key 5']) {
        expect((await numbers.fact({ key })).error).toContain('no number is called');
      }
      for (let n = 0n; n < 14n; n++) {
        expect(await numbers.setNum({ key: 'n', value: n })).toEqual({ total: n });
        expect(await numbers.fact({ key: 'n' })).toMatchObject({ hit: false, error: '' });
      }
      expect(server.output()).not.toContain('Not warmed up');
    });
  });
});

it.each([
  { services: 'numbers', listeners: 2, warmupCalls: 100 },
  { services: 'tables', listeners: 1, warmupCalls: 100 },
  { services: 'numbers,tables', listeners: 1, warmupCalls: 0 },
])('$services, $warmupCalls calls: $listeners listeners', async (example) => {
  const { services, listeners, warmupCalls } = example;
  const options: LaunchOptions = { args: ['--services', services], nodeArgs, warmupCalls };
  await withProcess(options, async (server) => {
    expect(server.output().match(/listening on port/g)).toHaveLength(listeners);
    expect(server.output()).not.toContain('Not warmed up');
    expect(server.output()).toMatch(
      listeners === 1
        ? /^Ready in \d+\.\d s, without a warm-up$/m
        : /^Ready in \d+\.\d s, \d+\.\d s of it for 100 warm-up calls$/m,
    );
  });
});

it('without a temporary folder that it may write to, the server says so and serves', async () => {
  await withFolders(async ({ dataDir, temporary }) => {
    const env = { TMPDIR: path.join(temporary, 'missing') };
    await withProcess({ dataDir, env, warmupCalls: 100 }, async (server, { numbers }) => {
      expect(await numbers.setNum({ key: 'a', value: 5n })).toEqual({ total: 5n });
      const said = () => server.output().match(/Not warmed up, so the first calls /g);
      expect(await eventually(async () => said() ?? undefined)).toHaveLength(1);
    });
  });
});
