// Loaded into a server before its own code, in each of its threads (NODE_OPTIONS=--import): makes
// the function of node:fs that HELD_CALL names wait for as long as the file HELD_GATE exists. Each
// call that waits adds a byte to the file `<HELD_GATE>.waiting`.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { HELD_CALL: call, HELD_GATE: gate } = process.env;
const { [call]: original, appendFileSync, existsSync } = fs;
const never = new Int32Array(new SharedArrayBuffer(4));

fs[call] = (...args) => {
  if (existsSync(gate)) appendFileSync(`${gate}.waiting`, '.');
  while (existsSync(gate)) Atomics.wait(never, 0, 0, 5);
  return original(...args);
};
syncBuiltinESMExports();
