#!/usr/bin/env node
import { readConfig } from './config.js';
import { startServer } from './server.js';
import { StartError } from './start-error.js';

const config = readConfig(process.argv.slice(2));

const starting = startServer(config);
let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, async () => {
    // Ctrl-C under npm comes twice, from the terminal and from npm: the first one counts.
    if (stopping) return;
    stopping = true;
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
  console.error(error instanceof StartError ? error.message : error);
  process.exit(1);
}
