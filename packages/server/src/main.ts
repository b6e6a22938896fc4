#!/usr/bin/env node
import { readConfig } from './config.js';
import { ListenError } from './rpc/listen.js';
import { startServer } from './server.js';

const config = readConfig(process.argv.slice(2));

const starting = startServer(config);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, async () => {
    console.log(`${signal}: finishing the calls in progress`);
    const server = await starting;
    await server.stop();
    process.exit(0);
  });
}

try {
  const { port } = await starting;
  const where = `${config.host}:${port}, data in ${config.dataDir}`;
  console.log(`Tally serves ${config.services.join(' and ')} on ${where}`);
} catch (error) {
  console.error(error instanceof ListenError ? error.message : error);
  process.exit(1);
}
