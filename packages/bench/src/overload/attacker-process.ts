import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { killAtExit } from '../clean-up.js';
import type { Attack } from './attacks.js';

const attackerMain = fileURLToPath(new URL('./attacker.js', import.meta.url));

/** Attacks from a process of its own while `work` runs; resolves to how much the attacker did. */
export async function whileAttacked(
  address: string,
  { name }: Attack,
  work: () => Promise<void>,
): Promise<number> {
  const port = address.slice(address.lastIndexOf(':') + 1);
  const child = fork(attackerMain, [name, port]);
  killAtExit(child);
  const exited = once(child, 'exit');
  try {
    const begun = once(child, 'message');
    await Promise.race([begun, exited.then(() => Promise.reject(hasEnded(name)))]);
    await work();
    const answer = once(child, 'message');
    child.send('how much?');
    const [{ done }] = await Promise.race([
      answer,
      exited.then(() => Promise.reject(hasEnded(name))),
    ]);
    return done;
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}

const hasEnded = (name: string) => new Error(`the attacker with ${name} has ended by itself`);
