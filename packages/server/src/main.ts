#!/usr/bin/env node
import { CommanderError } from 'commander';
import { runServer } from './run.js';

try {
  await runServer(process.argv.slice(2), 'tally-server');
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // commander has printed its message.
  process.exitCode = error.exitCode;
}
