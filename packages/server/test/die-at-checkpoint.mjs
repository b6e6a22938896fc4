// Loaded into a server before its own code, in each of its threads (NODE_OPTIONS=--import): ends the
// process by SIGKILL at one of the steps of making a checkpoint. DIE_AT is the name of the file that
// is renamed to its place in the log, or removed from it, and DIE_WHEN `before` or `after` that.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';

const { DIE_AT, DIE_WHEN } = process.env;
const { rename, rm } = fs.promises;

function dieIf(file, when) {
  if (path.basename(file) === DIE_AT && when === DIE_WHEN) process.kill(process.pid, 'SIGKILL');
}

fs.promises.rename = async (from, to) => {
  dieIf(to, 'before');
  await rename(from, to);
  dieIf(to, 'after');
};
fs.promises.rm = async (file, options) => {
  dieIf(file, 'before');
  await rm(file, options);
  dieIf(file, 'after');
};
syncBuiltinESMExports();
