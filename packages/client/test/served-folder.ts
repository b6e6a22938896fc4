import { connect } from '@tally/client';
import { launchServer } from '@tally/server/launch';
import { onTestFinished } from 'vitest';

/** A server of a data folder and a client of it, which end with the test. */
export async function serve(dataDir: string) {
  const server = await launchServer({ dataDir, args: ['--log-level', 'silent'] });
  onTestFinished(() => server.stop().then(() => {}));
  const client = await connect(`127.0.0.1:${server.port}`);
  onTestFinished(() => client.close());
  return { server, client, port: ['--port', String(server.port)] };
}

/** A file of one number. */
export const csv = (amount: number) => Buffer.from(`amount\n${amount}\n`);
