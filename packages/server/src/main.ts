#!/usr/bin/env node
import { readConfig } from './config.js';
import { startServer } from './server.js';
import { StartError } from './start-error.js';

const config = readConfig(process.argv.slice(2));

const ending = new AbortController();
const starting = startServer(config, ending.signal);
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, async () => {
    // Ctrl-C under npm comes twice, from the terminal and from npm: the first one counts.
    if (ending.signal.aborted) return;
    ending.abort();
    console.log(`${signal}: finishing the calls in progress`);
    const server = await starting;
    await server.stop();
    process.exit(0);
  });
}

try {
  const { port, warmUpMs } = await starting;
  if (!ending.signal.aborted) {
    console.log(`Ready in ${seconds(performance.now())}, ${warmUpShare(warmUpMs)}`);
    const where = `${config.host}:${port}, data in ${config.dataDir}`;
    console.log(`Tally serves ${config.services.join(' and ')} on ${where}`);
  }
} catch (error) {
  console.error(error instanceof StartError ? error.message : error);
  process.exit(1);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function warmUpShare(warmUpMs: number | undefined): string {
  if (warmUpMs === undefined) return 'without a warm-up';
  return `${seconds(warmUpMs)} of it for ${config.warmupCalls.toLocaleString('en-US')} warm-up calls`;
}
