// A process of its own that attacks: `attacker.js <attack> <port>`. It tells its parent when it has
// begun, and, asked by any message, how much it has done.

import os from 'node:os';
import { attacks } from './attacks.js';

// What is measured is the server under attack, not how it shares the processors with the attacker.
os.setPriority(os.constants.priority.PRIORITY_LOW);
const [name, port] = process.argv.slice(2);
let done = 0;
const attack = attacks.find((one) => one.name === name);
if (attack === undefined) throw new Error(`there is no attack called ${name}`);
process.on('message', () => process.send?.({ done }));
attack.begin(
  Number(port),
  () => {
    done++;
  },
  () => process.send?.('begun'),
);
