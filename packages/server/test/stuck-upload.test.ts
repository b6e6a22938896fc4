import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { numberOptions } from '../src/config.js';
import { withServer } from './server.js';
import { keep, sumOf, upload } from './table-calls.js';

/** Makes a call of node:fs wait, in every thread of a server, while the gate is shut. */
async function createGate(call: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'tally-gate-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const gate = path.join(folder, 'gate');
  const preload = new URL('./hold-file-work.mjs', import.meta.url).href;
  const waiting = async () => (await readFile(`${gate}.waiting`, 'utf8').catch(() => '')).length;
  return {
    env: { NODE_OPTIONS: `--import ${preload}`, HELD_CALL: call, HELD_GATE: gate },
    shut: () => writeFile(gate, ''),
    open: () => rm(gate, { force: true }),
    /** How many calls have waited so far. */
    waiting,
    async untilWaiting(calls: number): Promise<void> {
      while ((await waiting()) < calls) await sleep(5);
    },
  };
}

test.each([
  { call: 'fsyncSync', work: 'written to disk' },
  { call: 'renameSync', work: 'put in its place' },
])('an upload that is stuck while it is $work delays no sum', async ({ call }) => {
  const gate = await createGate(call);
  onTestFinished(gate.open);
  await withServer({ env: gate.env }, async (_server, { table }) => {
    await keep(table, ...Array.from({ length: 10 }, (_, i) => `x,y\n1,${i}\n`));
    await gate.shut();

    // More than are converted at once: the first ones are stuck, the others wait for them.
    const conversionsMax = numberOptions.conversionsMax.fallback;
    let pending = conversionsMax + 3;
    const uploads = Array.from({ length: pending }, async () => {
      const error = await upload(table, 'x,y\n100,200\n');
      pending--;
      return error;
    });
    await gate.untilWaiting(conversionsMax);

    // More sums at once than there are threads.
    const sums = Array.from({ length: 12 }, async () => [
      await sumOf(table, 'x'),
      await sumOf(table, 'y'),
    ]);
    for (const sum of await Promise.all(sums)) expect(sum).toEqual([10n, 45n]);
    expect(pending).toBe(uploads.length);
    expect(await gate.waiting()).toBe(conversionsMax);

    await gate.open();
    expect(await Promise.all(uploads)).toEqual(uploads.map(() => ''));
    expect(await sumOf(table, 'x')).toBe(BigInt(10 + 100 * uploads.length));
  });
});
