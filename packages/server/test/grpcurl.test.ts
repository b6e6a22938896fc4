import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { services } from './all-services.js';
import { sharedServer } from './server.js';

const grpcurl = process.env.TALLY_GRPCURL ?? 'grpcurl';
const hasGrpcurl = spawnSync(grpcurl, ['-version']).status === 0;

const run = promisify(execFile);

const name = hasGrpcurl
  ? 'grpcurl, which knows nothing but the address,'
  : `grpcurl (left out: there is no ${grpcurl}; TALLY_GRPCURL names another program)`;

describe.skipIf(!hasGrpcurl)(name, () => {
  const shared = sharedServer();
  const ask = async (flags: readonly string[], ...what: readonly string[]) => {
    const args = ['-plaintext', ...flags, shared.server.address, ...what];
    return (await run(grpcurl, args)).stdout;
  };
  const call = async (method: string, ...messages: readonly object[]) => {
    const data = messages.map((message) => JSON.stringify(message)).join(' ');
    return JSON.parse(await ask(['-d', data], method));
  };

  it('lists every service', async () => {
    const listed = (await ask([], 'list')).trim().split('\n');
    expect(listed.toSorted()).toEqual(services.map(({ name }) => name).toSorted());
  });

  it.each(services)('lists and describes $name, with its comments', async ({ name, methods }) => {
    const listed = (await ask([], 'list', name)).trim().split('\n');
    expect(listed).toEqual(methods.map((method) => `${name}.${method}`).toSorted());
    const described = await ask([], 'describe', name);
    expect(described).toMatch(/^ *\/\/ \w/m);
    for (const method of methods) expect(described).toContain(`rpc ${method} (`);
  });

  it('describes a message of no package', async () => {
    expect(await ask([], 'describe', '.SetNumRequest')).toContain('int64 value = 2;');
  });

  it('calls a method of each service', async () => {
    expect(await call('NumStore/SetNum', { key: 'a', value: 5 })).toEqual({ total: '5' });
    const factorial = await call('tally.v1.NumberService/ComputeFactorial', { key: 'a' });
    expect(factorial).toEqual({ factorial: Buffer.of(120).toString('base64'), n: '5' });
    const csv_data = Buffer.from('x\n1\n2\n').toString('base64');
    expect(await call('Table/Upload', { csv_data })).toEqual({});
    const sum = { column: 'x', format: 'parquet' };
    expect(await call('Table/ColSum', sum)).toEqual({ total: '3' });
    const rest = Buffer.from('3\n').toString('base64');
    expect(
      await call('tally.v1.TableService/Upload', { csv_data }, { csv_data: rest }),
    ).toMatchObject({ rows: '3', csvBytes: '8' });
    expect(await call('grpc.health.v1.Health/Check', { service: 'Table' })).toEqual({
      status: 'SERVING',
    });
  });
});
