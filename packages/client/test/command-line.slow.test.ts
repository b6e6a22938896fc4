import { once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { launchServer } from '@tally/server/launch';
import { describe, expect, onTestFinished, test } from 'vitest';
import { spawnTally, tally } from './run-tally.js';

describe('wrong usage: a message that says what is allowed, exit code 2', () => {
  test.each([
    { args: [], message: /^Usage: tally/ },
    { args: ['nosuch'], message: /unknown command 'nosuch'/ },
    { args: ['csvsum'], message: /missing required argument 'column'/ },
    { args: ['csvsum', 'x', 'y'], message: /too many arguments/ },
    { args: ['csvsum', 'x', '--prt', '1'], message: /unknown option '--prt'\n.*--port/ },
    { args: ['csvsum', 'x', '--port', '0'], message: /whole number from 1 to 65,535/ },
    { args: ['csvsum', 'x', '--connect-timeout', 'soon'], message: /such as 10s or 500ms/ },
    { args: ['csvsum', 'x', '--connect-timeout', '3601'], message: /from 1ms to 3600s/ },
    { args: ['start', 'abc'], message: /whole number from 1 to 65,535/ },
    { args: ['start', '1', '--port', '2'], message: /give it once/ },
    { args: ['start', '--values', '1.5'], message: /whole number from 1 to 1,000,000\./ },
    { args: ['start', '--seed', '4294967296'], message: /from 0 to 4,294,967,295/ },
    { args: ['bigdata', '--rows', ''], message: /whole number from 1 to 10,000,000\./ },
    { args: ['reset', '--data-dir', ''], message: /the path of a folder/ },
  ])('tally $args', async ({ args, message }) => {
    const { code, stdout, stderr } = await tally(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  test('in an environment variable', async () => {
    const run = await tally(['csvsum', 'x'], { env: { TALLY_PORT: 'http' } });
    expect(run.code).toBe(2);
    expect(run.stderr).toMatch(/TALLY_PORT.*whole number from 1 to 65,535/);
  });
});

const commands = [
  ...['upload', 'sum', 'csvsum', 'parquetsum', 'aggregate', 'export'],
  ...['tables list', 'tables create', 'tables drop', 'describe', 'chunks', 'delete-chunk'],
  ...['set', 'add', 'get', 'delete', 'numbers', 'fact', 'stats'],
  ...['workload', 'start', 'bigdata', 'verify', 'reset'],
];

describe('--help', () => {
  test.each(commands)(
    '%s: a description, defaults and an example, exit code 0',
    async (command) => {
      const { code, stdout, stderr } = await tally([...command.split(' '), '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^Usage: tally [\w -]+ .*\n\n[A-Z]/);
      expect(stdout).toMatch(/\(default:\s/);
      // A table is listed by the command of its own, too.
      const example = command.replace(' list', '');
      expect(stdout).toMatch(new RegExp(`^Example:\\n  tally ${example}( |$)`, 'm'));
    },
  );

  test('of tally itself: every command, the exit codes and an example', async () => {
    const { code, stdout } = await tally(['--help']);
    expect(code).toBe(0);
    const names = [...commands.map((command) => command.split(' ')[0]), 'serve', 'tables'];
    for (const name of names) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(stdout).toContain('Exit codes: ');
    expect(stdout).toContain('Example:\n');
  });
});

/** A port that takes connections and closes them, as a container's does before its server listens. */
async function deafPort(): Promise<{ listener: Server; port: number }> {
  const listener = net.createServer((socket: Socket) => socket.destroy());
  onTestFinished(() => void listener.close());
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return { listener, port: (listener.address() as AddressInfo).port };
}

/** Closes the port, so that nothing is there until someone else takes it. */
async function close(listener: Server): Promise<void> {
  listener.close();
  await once(listener, 'close');
}

describe('a server that cannot be reached: one sentence with what to try, exit code 3', () => {
  const short = ['--connect-timeout', '300ms'];

  test.each([{ args: ['start'] }, { args: ['csvsum', 'x'] }, { args: ['bigdata'] }])(
    'nobody listens: tally $args',
    async ({ args }) => {
      const { listener, port } = await deafPort();
      await close(listener);
      const run = await tally([...args, '--port', String(port), ...short]);
      expect(run).toMatchObject({ code: 3, stdout: '' });
      expect(run.stderr).toMatch(
        /^No Tally server answered at 127\.0\.0\.1:\d+ within 0\.3 s: .*--port\.\n$/,
      );
    },
  );

  test('somebody else listens', async () => {
    const { port } = await deafPort();
    const run = await tally(['csvsum', 'x', '--port', String(port), ...short]);
    expect(run).toMatchObject({ code: 3, stdout: '' });
    expect(run.stderr).toMatch(/^No Tally server answered at /);
  });

  test('a host that does not exist', async () => {
    const run = await tally(['csvsum', 'x', '--host', 'nosuch.invalid', ...short]);
    expect(run).toMatchObject({ code: 3, stdout: '' });
    expect(run.stderr).toMatch(/^No Tally server answered at nosuch\.invalid:5440 /);
  });
});

test('a server that starts after the command is waited for', async () => {
  const { listener, port } = await deafPort();
  const run = spawnTally(['start', String(port), '--connect-timeout', '60s']);
  // The command finds a port that closes its connections; then there is none; then the server.
  await once(listener, 'connection');
  await close(listener);
  const server = await launchServer({ port });
  try {
    const { code, stdout, stderr } = await run.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ {2}failed requests +0$/m);
  } finally {
    await server.stop();
  }
});

test('TALLY_PORT and TALLY_HOST say where the server is, and options win over them', async () => {
  const server = await launchServer();
  try {
    const env = { TALLY_HOST: 'localhost', TALLY_PORT: String(server.port) };
    expect((await tally(['start'], { env })).stdout).toContain(`localhost:${server.port}`);
    const wrong = { TALLY_HOST: 'nosuch.invalid', TALLY_PORT: '1' };
    const right = ['--host', '127.0.0.1', '--port', String(server.port)];
    expect(await tally(['csvsum', 'x', ...right], { env: wrong })).toMatchObject({ code: 0 });
    const argument = ['start', String(server.port), '--host', '127.0.0.1'];
    expect(await tally(argument, { env: wrong })).toMatchObject({ code: 0 });
  } finally {
    await server.stop();
  }
});
