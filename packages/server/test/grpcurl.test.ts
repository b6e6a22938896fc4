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
    // Of a stream of answers, the first.
    const [first = ''] = (await ask(['-d', data], method)).split(/(?<=^\})$/m);
    return JSON.parse(first);
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

  it('calls every method', async () => {
    const csv_data = Buffer.from('x\n1\n2\n').toString('base64');
    const rest = Buffer.from('3\n').toString('base64');
    const calls: (readonly [method: string, messages: readonly object[], answer: unknown])[] = [
      ['NumStore/SetNum', [{ key: 'a', value: 5 }], { total: '5' }],
      ['NumStore/Fact', [{ key: 'a' }], { value: '120' }],
      ['tally.v1.NumberService/GetNumber', [{ key: 'a' }], { value: '5' }],
      ['tally.v1.NumberService/SetNumber', [{ key: 'b', value: 2 }], { total: '7' }],
      ['tally.v1.NumberService/AddToNumber', [{ key: 'b', delta: 2 }], { value: '4', total: '9' }],
      ['tally.v1.NumberService/DeleteNumber', [{ key: 'b' }], { total: '5' }],
      ['tally.v1.NumberService/ListNumbers', [{}], { numbers: [{ key: 'a', value: '5' }] }],
      [
        'tally.v1.NumberService/BatchNumbers',
        [{ operations: [{ key: 'a', set: 4 }] }],
        { total: '4' },
      ],
      [
        'tally.v1.NumberService/ComputeFactorial',
        [{ n: 5 }],
        { factorial: Buffer.of(120).toString('base64'), n: '5' },
      ],
      ['tally.v1.NumberService/GetNumberStats', [{}], { count: '1', total: '4' }],
      ['Table/Upload', [{ csv_data }], {}],
      ['Table/ColSum', [{ column: 'x', format: 'parquet' }], { total: '3' }],
      ['tally.v1.TableService/CreateTable', [{ table: 't' }], {}],
      [
        'tally.v1.TableService/Upload',
        [{ csv_data }, { csv_data: rest }],
        { rows: '3', csvBytes: '8' },
      ],
      [
        'tally.v1.TableService/ListTables',
        [{}],
        { tables: [{ table: 'default' }, { table: 't' }] },
      ],
      ['tally.v1.TableService/DescribeTable', [{ table: 't' }], { summary: { table: 't' } }],
      ['tally.v1.TableService/ListChunks', [{}], { chunks: [{}, {}] }],
      [
        'tally.v1.TableService/Aggregate',
        [{ columns: ['x'] }],
        { result: { columns: [{ column: 'x' }] } },
      ],
      ['tally.v1.TableService/Export', [{ columns: ['x'] }], {}],
      ['tally.v1.TableService/DropTable', [{ table: 't' }], {}],
      ['tally.v1.AdminService/Backup', [{}], { summary: { numbers: '1' } }],
      ['grpc.health.v1.Health/Check', [{ service: 'Table' }], { status: 'SERVING' }],
    ];
    for (const [method, messages, answer] of calls) {
      expect({ method, answer: await call(method, ...messages) }).toMatchObject({ method, answer });
    }
    const [chunk] = (await call('tally.v1.TableService/ListChunks', {})).chunks;
    await call('tally.v1.TableService/DeleteChunk', { chunk_id: chunk.chunkId });
    // It lasts until its client ends it.
    const watch = ask(['-max-time', '2', '-d', '{}'], 'grpc.health.v1.Health/Watch');
    expect((await watch.catch(({ stdout }) => stdout)).trim()).toMatch(/"status": "SERVING"/);

    const others = ['tally.v1.TableService/DeleteChunk', 'grpc.health.v1.Health/Watch'];
    const called = [...calls.map(([method]) => method), ...others];
    const all = services.flatMap(({ name, methods }) => methods.map((each) => `${name}/${each}`));
    expect(called.toSorted()).toEqual(all.toSorted());
  });
});
