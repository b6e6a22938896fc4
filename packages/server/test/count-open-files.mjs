// Loaded into a server before its own code, in each of its threads (NODE_OPTIONS=--import): each
// time a file in COUNTED_FOLDER has been opened, adds a line to COUNTS_FILE with the number of those
// that the process has open. Linux only.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const { COUNTED_FOLDER: folder, COUNTS_FILE: countsFile } = process.env;
const { openSync, readdirSync, readlinkSync, writeSync } = fs;
const { open } = fs.promises;
const counts = openSync(countsFile, 'a');

function isCounted(fd) {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
  } catch {
    return false; // closed meanwhile
  }
}

function count(file) {
  if (!String(file).startsWith(folder)) return;
  writeSync(counts, `${readdirSync('/proc/self/fd').filter(isCounted).length}\n`);
}

fs.openSync = (...args) => {
  const fd = openSync(...args);
  count(args[0]);
  return fd;
};
fs.promises.open = async (...args) => {
  const handle = await open(...args);
  // Long enough for others to open theirs, if nothing holds them back.
  await sleep(10);
  count(args[0]);
  return handle;
};
syncBuiltinESMExports();
