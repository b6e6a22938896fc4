import { type ConnectOptions, connect, type Tally, TallyError } from '@tally/client';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

/** One server process, and a connection to it, for all tests of a file. */
export function sharedTally(args: readonly string[] = []) {
  let server: LaunchedServer;
  let tally: Tally;
  beforeAll(async () => {
    server = await launchServer({ args: ['--durability', 'os', ...args] });
    tally = await connect(server.address);
  });
  afterAll(async () => {
    tally?.close();
    await server?.stop();
  });
  return {
    get server() {
      return server;
    },
    get tally() {
      return tally;
    },
  };
}

/** A connection that is closed when the test is over. */
export async function connected(address: string, options?: ConnectOptions): Promise<Tally> {
  const tally = await connect(address, options);
  onTestFinished(() => tally.close());
  return tally;
}

/** What a call throws, which must be a TallyError. */
export async function failureOf(call: Promise<unknown>): Promise<TallyError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof TallyError) return error;
  throw new Error('the call did not fail with a TallyError', { cause: error });
}

/** All that an async iterable gives. */
export const all = async <T>(iterable: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const each of iterable) found.push(each);
  return found;
};
