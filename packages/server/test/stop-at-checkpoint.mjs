// Loaded into a server before its own code, in each of its threads (NODE_OPTIONS=--import): ends the
// process by SIGKILL at one of the steps of making a checkpoint, or, if STEP_GATE is given, waits there
// for as long as that file exists, and makes the file `<STEP_GATE>.waiting`. STEP_AT is the name of the
// file that is renamed to its place in the log, or removed from it, STEP_WHEN `before` or `after` that.

import fs, { existsSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';

const { STEP_AT, STEP_WHEN, STEP_GATE } = process.env;
const { rename, rm } = fs.promises;
const never = new Int32Array(new SharedArrayBuffer(4));

function stopIf(file, when) {
  if (path.basename(file) !== STEP_AT || when !== STEP_WHEN) return;
  if (STEP_GATE === undefined) process.kill(process.pid, 'SIGKILL');
  else writeFileSync(`${STEP_GATE}.waiting`, '');
  while (existsSync(STEP_GATE)) Atomics.wait(never, 0, 0, 5);
}

fs.promises.rename = async (from, to) => {
  stopIf(to, 'before');
  await rename(from, to);
  stopIf(to, 'after');
};
fs.promises.rm = async (file, options) => {
  stopIf(file, 'before');
  await rm(file, options);
  stopIf(file, 'after');
};
syncBuiltinESMExports();
