import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import path from 'node:path';
import { type ClientError, createChannel, createClient, Status } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../dist/config.js';
import { startServer } from '../dist/server.js';
import { freePort } from './ports.js';
import { framed, openCall, openSession, roundTrip } from './raw-calls.js';
import { connect, eventually, lessWork, withFolder, withServer } from './server.js';

const notServing = 2;
const serving = 1;

const names = [
  'NumStore',
  'tally.v1.NumberService',
  'Table',
  'tally.v1.TableService',
  'tally.v1.AdminService',
];

async function withHealth<T>(
  address: string,
  work: (health: ReturnType<typeof healthOf>) => Promise<T>,
): Promise<T> {
  const channel = createChannel(address);
  try {
    return await work(healthOf(channel));
  } finally {
    channel.close();
  }
}

const healthOf = (channel: ReturnType<typeof createChannel>) =>
  createClient(HealthDefinition, channel);

describe('a health check', () => {
  it('is SERVING of each service and of all, and NOT_FOUND of another', async () => {
    await withServer({}, ({ address }) =>
      withHealth(address, async (health) => {
        for (const service of ['', ...names]) {
          expect(await health.check({ service }), service).toEqual({ status: serving });
        }
        for (const service of ['Nothing', 'numstore', '.NumStore']) {
          await expect(health.check({ service }), service).rejects.toMatchObject({
            code: Status.NOT_FOUND,
          });
        }
      }),
    );
  });

  it('is NOT_FOUND of a service that is not served', async () => {
    await withServer({ args: ['--services', 'numbers'] }, ({ address }) =>
      withHealth(address, async (health) => {
        for (const service of ['', 'NumStore', 'tally.v1.NumberService']) {
          expect(await health.check({ service }), service).toEqual({ status: serving });
        }
        for (const service of ['Table', 'tally.v1.TableService']) {
          await expect(health.check({ service }), service).rejects.toMatchObject({
            code: Status.NOT_FOUND,
          });
        }
      }),
    );
  });

  it('is NOT_SERVING while the server warms up, and a watch sees it serve', async () => {
    await withFolder(async (folder) => {
      const port = await freePort();
      const args = [
        ...['--port', String(port), '--data-dir', path.join(folder, 'data'), ...lessWork],
        // Some seconds.
        ...['--warmup-calls', '6000'],
      ];
      const starting = startServer(readConfig(args, { exitOverride: true }));
      await withHealth(`127.0.0.1:${port}`, async (health) => {
        const status = (service: string) =>
          health.check({ service }).then(
            ({ status }) => status,
            // It does not listen yet.
            () => undefined,
          );
        await eventually(async () => (await status('')) === notServing);
        for (const service of names) expect(await status(service), service).toBe(notServing);
        const seen: number[] = [];
        for await (const { status } of health.watch({ service: '' })) {
          seen.push(status);
          if (status === serving) break;
        }
        expect(seen).toEqual([notServing, serving]);
        for (const service of names) expect(await status(service), service).toBe(serving);
      });
      await (await starting).stop();
    });
  });
});

/** Starts a server whose drain would take longer than a test if anything held it up. */
async function withDrainingServer(
  work: (server: { readonly address: string; stop(): Promise<void> }) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const args = [
      ...['--port', '0', '--data-dir', path.join(folder, 'data'), ...lessWork],
      ...['--warmup-calls', '0', '--drain-ms', '300000'],
    ];
    const { port, stop } = await startServer(readConfig(args, { exitOverride: true }));
    await work({ address: `127.0.0.1:${port}`, stop });
  });
}

it('a watch is told of the drain, and does not hold it up', async () => {
  await withDrainingServer(({ address, stop }) =>
    withHealth(address, async (health) => {
      const services = ['', ...names];
      let watching = 0;
      let stopped: Promise<void> | undefined;
      const watch = async (service: string) => {
        const seen: number[] = [];
        try {
          for await (const { status } of health.watch({ service })) {
            seen.push(status);
            if (status === serving && ++watching === services.length) stopped = stop();
          }
          return seen;
        } catch (error) {
          return [...seen, (error as ClientError).code];
        }
      };
      for (const seen of await Promise.all(services.map(watch))) {
        expect(seen).toEqual([serving, notServing, Status.UNAVAILABLE]);
      }
      await stopped;
    }),
  );
});

it('while a call in progress holds up the drain, checks are answered and nobody is let in', async () => {
  await withDrainingServer(async ({ address, stop }) => {
    const session = await openSession({ address });
    const upload = openCall(session, '/tally.v1.TableService/Upload');
    await roundTrip(session);
    let stopped: Promise<void> | undefined;
    await withHealth(address, async (health) => {
      for await (const { status } of health.watch({ service: 'Table' })) {
        if (status === notServing) break;
        stopped = stop();
      }
      for (const service of ['', ...names]) {
        expect(await health.check({ service }), service).toEqual({ status: notServing });
      }
    });
    const late = connect({ address });
    await expect(late.numbers.setNum({ key: 'a', value: 1n })).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      details: 'the server is stopping, and nothing of this call was done',
    });
    late.close();
    session.destroy();
    await stopped;
    await upload.ended;
  });
});

describe('health checks, which need no token,', () => {
  const watchOf = (service: string) =>
    framed(Buffer.from([0x0a, service.length, ...Buffer.from(service)]));

  it('keep no place of other calls, and one more ends the oldest of who has most', async () => {
    const args = ['--calls-max', '10', '--connection-calls-max', '100'];
    await withServer({ args }, async ({ address }, { numbers }) => {
      const many = await openSession({ address });
      const few = await openSession({ address });
      const watch = async (session: ClientHttp2Session) => {
        const call = openCall(session, '/grpc.health.v1.Health/Watch');
        call.stream.end(watchOf('Table'));
        await once(call.stream, 'data');
        return call;
      };
      const first = await watch(few);
      const watches = [];
      for (let i = 0; i < 99; i++) watches.push(await watch(many));
      expect(await numbers.setNum({ key: 'a', value: 1n })).toEqual({ total: 1n });
      await withHealth(address, async (health) => {
        expect(await health.check({ service: '' })).toEqual({ status: serving });
      });
      expect(await watches[0]?.ended).toMatchObject({
        code: Status.RESOURCE_EXHAUSTED,
        details: expect.stringMatching(/^100 health checks are in progress, and others have come/),
      });
      expect(first.stream.closed).toBe(false);
      for (const session of [many, few]) session.destroy();
    });
  });

  it('are short: no memory is kept for what is none', async () => {
    await withServer({}, async ({ address }) => {
      const session = await openSession({ address });
      const call = openCall(session, '/grpc.health.v1.Health/Check');
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(60 * 1024 * 1024, 1);
      call.stream.write(prefix);
      expect(await call.ended).toMatchObject({
        code: Status.RESOURCE_EXHAUSTED,
        details: 'the request has 62914560 bytes: at most 4096 are allowed for this call',
      });
      session.destroy();
    });
  });
});
