import { expect, test } from 'vitest';
import { tally } from './run-tally.js';

/** Each row of what `tally config` prints, by its option. */
const rowsOf = (stdout: string) =>
  new Map(
    stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => {
        const [option = '', value, ...from] = row.split(/ {2,}/);
        return [option, [value, ...from]];
      }),
  );

test('tally config prints every option that tally serve has', async () => {
  const help = (await tally(['serve', '--help'])).stdout;
  const flags = [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+) </gm)].map(([, flag]) => flag);
  expect(flags.length).toBeGreaterThan(40);
  const { code, stdout, stderr } = await tally(['config']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect([...rowsOf(stdout).keys()].sort()).toEqual(flags.sort());
});

test('it says where each value came from: a flag before a variable before a default', async () => {
  const env = { TALLY_DRAIN_MS: '5000', TALLY_CALLS_MAX: '7', TALLY_DATA_DIR: '/data' };
  const args = ['--calls-max', '9', '--table-threads', '1', '--host=::1'];
  const { stdout } = await tally(['config', ...args], { env });
  const rows = rowsOf(stdout);
  expect(rows.get('--drain-ms')).toEqual(['5000', 'TALLY_DRAIN_MS']);
  expect(rows.get('--data-dir')).toEqual(['/data', 'TALLY_DATA_DIR']);
  expect(rows.get('--calls-max')).toEqual(['9', '--calls-max']);
  expect(rows.get('--host')).toEqual(['::1', '--host']);
  expect(rows.get('--port')).toEqual(['5440', 'default']);
  // What another option has changed says so.
  expect(rows.get('--conversions-max')).toEqual(['1', 'default, as --table-threads is 1']);
});

test('as JSON, with the variables that no option has', async () => {
  const env = { TALLY_TOKENFILE: 'x', TALLY_TOKEN: 'secret', TALLY_PORT: '6000' };
  const { code, stdout } = await tally(['config', '--json'], { env });
  expect(code).toBe(0);
  const { options, unknownVariables } = JSON.parse(stdout);
  expect(options.port).toEqual({ value: 6000, from: 'TALLY_PORT' });
  expect(options.tlsCert).toEqual({ value: null, from: 'default' });
  expect(unknownVariables).toContain('TALLY_TOKENFILE');
  expect(unknownVariables).not.toContain('TALLY_TOKEN');
  expect(stdout).not.toContain('secret');
});

test.each([
  {
    args: ['--port', '70000'],
    says: "option '--port <port>' argument '70000' is invalid. It must be a whole number from 0 to 65535.",
  },
  {
    args: ['--durability', 'disk'],
    says: "option '--durability <level>' argument 'disk' is invalid. It must be one of fsync, os, memory.",
  },
  {
    env: { TALLY_METRICS_PORT: 'on' },
    says: "value 'on' from env 'TALLY_METRICS_PORT' is invalid. It must be a whole number from 0 to 65535, or off.",
  },
  {
    env: { TALLY_DATA_DIR: '' },
    says: "value '' from env 'TALLY_DATA_DIR' is invalid. It must be the path of a folder.",
  },
  { args: ['--tls-cert', '/x.pem'], says: '--tls-cert is /x.pem: it needs --tls-key beside it' },
  {
    env: { TALLY_TLS_KEY: '/x.key' },
    says: 'TALLY_TLS_KEY is /x.key: it needs --tls-cert beside it',
  },
  {
    env: { TALLY_CONVERSIONS_MAX: '3', TALLY_TABLE_THREADS: '2' },
    says: 'TALLY_CONVERSIONS_MAX is 3: at most 2 is allowed',
  },
  {
    args: ['--table-threads', '2', '--conversions-max', '3'],
    says: '--conversions-max is 3: at most 2 is allowed, the threads of --table-threads',
  },
  { args: ['--prot', '1'], says: "unknown option '--prot'" },
])(
  'an error names the option, the value and what is allowed: $says',
  async ({ args = [], env, says }) => {
    const run = await tally(['config', ...args], env === undefined ? {} : { env });
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain(says);
  },
);
