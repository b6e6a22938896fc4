import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import path from 'node:path';
import { type ClientError, Status } from 'nice-grpc';
import { expect, it } from 'vitest';
import { launchServer } from '../dist/launch.js';
import { freePort, isListening } from './ports.js';
import { framed, openCall, openSession, roundTrip } from './raw-calls.js';
import { connect, endWith, eventually, lessWork, withFolder, withServer } from './server.js';

it('every write that was acknowledged under load is there after a drain, and no call is cut', async () => {
  await withFolder(async (dataDir) => {
    const server = await launchServer({ dataDir, args: [...lessWork, '--durability', 'fsync'] });
    const clients = Array.from({ length: 24 }, () => connect(server));
    const sets = new Map<string, bigint>();
    let uploads = 0;
    const refusals: (Pick<ClientError, 'code' | 'details'> | string)[] = [];
    let isEnding = false;
    /** Calls until one is refused. */
    const callOn = async (call: () => Promise<unknown>) => {
      try {
        for (;;) await call();
      } catch (error) {
        if (!isEnding) throw error;
        const { code, details } = error as ClientError;
        refusals.push(code === undefined ? String(error) : { code, details });
      }
    };
    const work = clients.map(({ numbers, table }, i) => {
      if (i % 4 === 0) {
        const csvData = Buffer.from(`x\n${'1\n'.repeat(1000)}`);
        return callOn(async () => {
          expect(await table.upload({ csvData })).toEqual({ error: '' });
          uploads++;
        });
      }
      const key = `counter ${i}`;
      sets.set(key, 0n);
      return callOn(async () => {
        const value = (sets.get(key) ?? 0n) + 1n;
        await numbers.setNum({ key, value });
        sets.set(key, value);
      });
    });
    const isBusy = () =>
      uploads > 20 && [...sets.values()].every((acknowledged) => acknowledged > 20n);
    await eventually(async () => isBusy());
    isEnding = true;
    expect(await endWith(server, 'SIGTERM')).toBe(0);
    await Promise.all(work);
    for (const { close } of clients) close();
    expect(refusals).toHaveLength(clients.length);
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ code: Status.UNAVAILABLE });
      // Each that had been let in could end.
      expect(refusal).not.toMatchObject({ details: expect.stringContaining('in time') });
    }
    await withServer({ dataDir }, async (_server, { numberService, table }) => {
      // No call was cut: what was not acknowledged was not done.
      for (const [key, acknowledged] of sets) {
        expect((await numberService.getNumber({ key })).value).toBe(acknowledged);
      }
      for (const format of ['csv', 'parquet']) {
        const { total } = await table.colSum({ column: 'x', format });
        expect(total).toBe(BigInt(uploads) * 1000n);
      }
    });
    await server.stop();
  });
});

it('a stream that never ends is refused after --drain-ms, and nobody is let in meanwhile', async () => {
  const server = await launchServer({ args: [...lessWork, '--drain-ms', '3000'] });
  const session = await openSession(server);
  const stalled = openCall(session, '/tally.v1.TableService/Upload');
  stalled.stream.write(framed(Buffer.alloc(0)));
  await roundTrip(session);
  const toldToGo = once(session, 'goaway');
  const startMs = performance.now();
  const exited = endWith(server, 'SIGTERM');
  await eventually(async () => server.output().includes('SIGTERM: finishing'));
  const late = connect(server);
  await expect(late.numbers.setNum({ key: 'a', value: 1n })).rejects.toMatchObject({
    code: Status.UNAVAILABLE,
  });
  late.close();
  // The connection with the stalled stream is told to take no further one.
  await toldToGo;
  expect(await faultOfCall(session)).toMatchObject({ code: 'ERR_HTTP2_GOAWAY_SESSION' });
  expect(performance.now() - startMs).toBeLessThan(3000);
  const { code, details } = await stalled.ended;
  expect({ code, details }).toEqual({
    code: Status.UNAVAILABLE,
    details:
      'the server is stopping, and this call has not ended in time (--drain-ms); what it was to ' +
      'change may have been changed or not',
  });
  expect(await exited).toBe(0);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(2990);
  session.destroy();
  await server.stop();
});

const main = path.join(import.meta.dirname, '../dist/main.js');

/** Why a connection takes no further call: Node 26 says so a turn later, earlier ones at once. */
async function faultOfCall(session: ClientHttp2Session): Promise<unknown> {
  try {
    const [error] = await once(openCall(session, '/NumStore/SetNum').stream, 'error');
    return error;
  } catch (error) {
    return error;
  }
}

it('a server that is ended while it starts takes no call any more, and exits with 0', async () => {
  await withFolder(async (dataDir) => {
    const port = await freePort();
    // More calls than are ever done: the warm-up would take minutes.
    const args = ['--port', `${port}`, '--data-dir', dataDir, '--warmup-calls', '100000'];
    const child = spawn(process.execPath, [main, ...args]);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const exited = once(child, 'exit');
    await eventually(() => isListening(port));
    const { numbers, close } = connect({ address: `127.0.0.1:${port}` });
    const codeOf = (key: string) =>
      numbers.setNum({ key, value: 1n }).then(
        () => Status.OK,
        ({ code }: ClientError) => code,
      );
    const waiting = codeOf('waiting');
    await eventually(() => isListening(port));
    child.kill('SIGTERM');
    await eventually(async () => output.includes('SIGTERM: finishing'));
    expect(await codeOf('late')).toBe(Status.UNAVAILABLE);
    expect([Status.OK, Status.UNAVAILABLE]).toContain(await waiting);
    expect((await exited)[0]).toBe(0);
    close();
  });
});
