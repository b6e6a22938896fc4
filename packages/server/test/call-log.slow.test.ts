import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Status } from 'nice-grpc';
import { expect, it } from 'vitest';
import { type CallLine, callLine, callLines } from './log-lines.js';
import { framed, openCall, openSession, reset, roundTrip } from './raw-calls.js';
import { endWith, eventually, withProcess } from './server.js';

const logged = ['--log-level', 'info'];
const forged = 'a\n{"level":"error","id":"forged"}\r\u001b[31mb\u009b31m\u0085\u2028\u202e\u2066c';

it('each call has one line with an id of its own, and what came of it', async () => {
  await withProcess({ args: logged }, async (server, { numbers, numberService }) => {
    for (let i = 0; i < 5; i++) await numbers.setNum({ key: 'a', value: 5n });
    await expect(numberService.getNumber({ key: 'b' })).rejects.toMatchObject({
      code: Status.NOT_FOUND,
    });
    const failed = await callLine(server, ({ code }) => code === 'NOT_FOUND');
    const lines = callLines(server);
    expect(lines).toHaveLength(6);
    expect(new Set(lines.map(({ id }) => id)).size).toBe(6);
    expect(lines[0]).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      id: expect.stringMatching(/^[0-9a-f]{8}-1$/),
      method: '/NumStore/SetNum',
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      code: 'OK',
      ms: expect.any(Number),
      // Two fields of 2 and 3 bytes, one of 2, and 5 before each message.
      requestBytes: 10,
      responseBytes: 7,
      msg: 'call',
    });
    expect(lines[0]?.ms).toBeGreaterThan(0);
    expect(failed).toMatchObject({
      method: '/tally.v1.NumberService/GetNumber',
      details: 'no number is called "b": set it first',
    });
  });
});

it('a call that its client cancels has a line', async () => {
  await withProcess({ args: logged }, async (server) => {
    const session = await openSession(server);
    const call = openCall(session, '/tally.v1.TableService/Upload');
    call.stream.write(framed(Buffer.alloc(0)));
    await roundTrip(session);
    reset(call);
    expect(await callLine(server, () => true)).toMatchObject({
      method: '/tally.v1.TableService/Upload',
      code: 'CANCELLED',
      responseBytes: 0,
    });
    session.destroy();
  });
});

it('calls of unknown methods, and of another content type, have a line', async () => {
  await withProcess({ args: logged }, async (server, { numbers }) => {
    const session = await openSession(server);
    const unknown = openCall(session, `/No/${'x'.repeat(1000)}`);
    unknown.stream.end(framed(Buffer.alloc(0)));
    expect((await unknown.ended).code).toBe(Status.UNIMPLEMENTED);
    openCall(session, '/NumStore/SetNum', { 'content-type': 'text/plain' }).stream.end();
    await callLine(server, ({ method }) => method === '/NumStore/SetNum');
    await numbers.setNum({ key: 'a', value: 5n });
    await callLine(server, ({ code }) => code === 'OK');
    const { remotePort, localPort } = session.socket;
    expect(remotePort).toBe(server.port);
    const refused = {
      level: 'info',
      id: expect.stringMatching(/^[0-9a-f]{8}-\d$/),
      peer: `127.0.0.1:${localPort}`,
      code: 'UNIMPLEMENTED',
      msg: 'call',
    };
    const [first, second, ...others] = callLines(server);
    expect(first).toMatchObject({
      ...refused,
      method: `/No/${'x'.repeat(196)}`,
      details: 'there is no such method',
    });
    expect(second).toMatchObject({
      ...refused,
      method: '/NumStore/SetNum',
      details: 'the content type is not application/grpc',
    });
    expect(others).toHaveLength(1);
    session.destroy();
  });
});

it('an answer that is a refusal says so in its line', async () => {
  await withProcess({ args: logged }, async (server, { numbers }) => {
    await numbers.setNum({ key: 'a', value: -1n });
    const { error } = await numbers.fact({ key: 'a' });
    const line = await callLine(server, ({ method }) => method === '/NumStore/Fact');
    expect(line).toMatchObject({ code: 'OK', refused: true, details: error });
    expect(callLines(server)[0]).not.toHaveProperty('refused');
  });
});

it('a call that watches is not slow, however long it lasts', async () => {
  const args = [...logged, '--slow-call-ms', '1'];
  await withProcess({ args }, async (server) => {
    const session = await openSession(server);
    const watch = openCall(session, '/grpc.health.v1.Health/Watch');
    watch.stream.end(framed(Buffer.alloc(0)));
    await once(watch.stream, 'data');
    await delay(20);
    reset(watch);
    expect(await callLine(server, ({ ms }) => ms > 20)).toMatchObject({
      level: 'info',
      method: '/grpc.health.v1.Health/Watch',
      msg: 'call',
    });
    session.destroy();
  });
});

it("what a client has sent wrong is no error of the server's", async () => {
  await withProcess({ args: logged }, async (server) => {
    const session = await openSession(server);
    const timeout = openCall(session, '/NumStore/SetNum', { 'grpc-timeout': 'soon' });
    timeout.stream.end(framed(Buffer.alloc(0)));
    const gzip = openCall(session, '/NumStore/Fact', { 'grpc-encoding': 'gzip' });
    gzip.stream.end(framed(Buffer.from('no gzip'), true));
    for (const call of [timeout, gzip]) expect((await call.ended).code).toBe(Status.INTERNAL);
    for (const of of ['SetNum', 'Fact']) {
      const line = await callLine(server, ({ method }) => method === `/NumStore/${of}`);
      expect(line).toMatchObject({ level: 'info', code: 'INTERNAL' });
    }
    session.destroy();
  });
});

it('line breaks and control characters of a client cannot forge a line', async () => {
  for (const format of ['json', 'pretty']) {
    const args = [...logged, '--log-format', format];
    await withProcess({ args }, async (server, { numberService }) => {
      await expect(numberService.getNumber({ key: forged })).rejects.toThrow();
      const line = await eventually(async () =>
        server
          .output()
          .split('\n')
          .find((line) => line.includes('GetNumber')),
      );
      expect(line).toContain('forged');
      const { length } = server
        .output()
        .split('\n')
        .filter((line) => line.includes('forged'));
      expect(length).toBe(1);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the ones that terminals obey.
      expect(line).not.toMatch(/[\u0000-\u001f\u0080-\u009f\u2028-\u202e\u2066-\u2069]/);
      expect(line).toMatch(/\\u009b31m\\+u0085\\+u2028\\+u202e\\+u2066c/);
    });
  }
});

it('the pretty format has one line for each call, for people', async () => {
  const args = [...logged, '--log-format', 'pretty'];
  await withProcess({ args }, async (server, { numbers }) => {
    await numbers.setNum({ key: 'a', value: 5n });
    await eventually(async () =>
      /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: call \{.*"method":"\/NumStore\/SetNum".*\}$/m.test(
        server.output(),
      ),
    );
  });
});

it('a slow call says where its time went', async () => {
  const args = [...logged, '--slow-call-ms', '1', '--durability', 'fsync'];
  await withProcess({ args }, async (server, { numbers, table }) => {
    const slow = (method: string, make: () => Promise<unknown>): Promise<CallLine> =>
      eventually(async () => {
        await make();
        return callLines(server).find(
          (line) => line.method === method && line.stagesMs !== undefined,
        );
      });
    const csvData = Buffer.from(`x\n${'1\n'.repeat(100_000)}`);
    const lines = {
      set: await slow('/NumStore/SetNum', () => numbers.setNum({ key: 'a', value: 5n })),
      upload: await slow('/Table/Upload', () => table.upload({ csvData })),
      sum: await slow('/Table/ColSum', () => table.colSum({ column: 'x', format: 'csv' })),
    };
    expect(Object.keys(lines.set.stagesMs ?? {})).toEqual(['receive', 'commit', 'send']);
    expect(Object.keys(lines.upload.stagesMs ?? {})).toEqual(
      expect.arrayContaining(['receive', 'spool', 'convert wait', 'convert', 'commit']),
    );
    expect(Object.keys(lines.sum.stagesMs ?? {})).toEqual(
      expect.arrayContaining(['receive', 'catalog', 'sum wait', 'sum']),
    );
    for (const { level, msg, ms, stagesMs = {} } of Object.values(lines)) {
      expect({ level, msg }).toEqual({ level: 'warn', msg: 'slow call' });
      const together = Object.values(stagesMs).reduce((sum, stageMs) => sum + stageMs, 0);
      // Each is rounded.
      expect(Math.abs(together - ms)).toBeLessThan(0.02);
    }
  });
});

it.each([
  { level: 'error', slowCallMs: '1' },
  { level: 'silent', slowCallMs: '1' },
  { level: 'warn', slowCallMs: '100000' },
])('--log-level $level has no line for a call that is in order', async ({ level, slowCallMs }) => {
  const args = ['--log-level', level, '--slow-call-ms', slowCallMs];
  const server = await withProcess({ args }, async (server, { numbers }) => {
    await numbers.setNum({ key: 'a', value: 5n });
    return server;
  });
  // It has ended, and so written all.
  expect(callLines(server)).toEqual([]);
});

it('whoever has closed standard output and standard error is no reason to end without a drain', async () => {
  await withProcess({ args: ['--log-level', 'info'] }, async (server, { numbers }) => {
    server.process.stdout?.destroy();
    server.process.stderr?.destroy();
    for (let i = 0; i < 5; i++) await numbers.setNum({ key: 'a', value: 5n });
    expect(await endWith(server, 'SIGTERM')).toBe(0);
  });
});
