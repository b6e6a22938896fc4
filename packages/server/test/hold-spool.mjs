// Loaded into a server before its own code (NODE_OPTIONS=--import): a disk that takes nothing while
// the file HELD_GATE exists. What opens a file to append to it waits so long, and the file
// HELD_GATE.waiting says so.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const { HELD_GATE: gate } = process.env;
const { existsSync } = fs;
const { open } = fs.promises;

fs.promises.open = async (file, flags, ...rest) => {
  if (flags === 'a' && existsSync(gate)) fs.writeFileSync(`${gate}.waiting`, '.');
  while (flags === 'a' && existsSync(gate)) await sleep(5);
  return open(file, flags, ...rest);
};
syncBuiltinESMExports();
