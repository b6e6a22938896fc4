import path from 'node:path';
import { connect } from '@tally/client';
import { expect, test } from 'vitest';
import { tally } from './run-tally.js';
import { csv, serve } from './served-folder.js';
import { temporaryFolder } from './temporary-folder.js';

test('a backup under load is of one moment, of the numbers and of every table', async () => {
  const folder = await temporaryFolder({});
  const { client, port } = await serve(path.join(folder, 'data'));
  // So many that copying them takes longer than some changes.
  for (let i = 0; i < 20; i++) {
    await client.numbers.batch(
      Array.from({ length: 10_000 }, (_, n) => ({ key: `filler ${i} ${n}`, set: n })),
    );
  }
  const writers = Array.from({ length: 6 }, (_, w) => ({ name: `writer-${w}`, done: 0 }));
  let isOver = false;
  const writing = writers.map(async (writer) => {
    const { name } = writer;
    const { numbers, tables } = await connect(`127.0.0.1:${port[1]}`);
    await tables.create(name);
    for (let i = 1; !isOver; i++) {
      await numbers.set(`begun ${name}`, i);
      await tables.upload(csv(i), { table: name });
      await numbers.set(`done ${name}`, i);
      writer.done = i;
    }
  });
  await expect.poll(() => writers.every(({ done }) => done > 0), { timeout: 30_000 }).toBe(true);
  const backups: { readonly folder: string; readonly atLeast: readonly number[] }[] = [];
  for (let i = 0; i < 4; i++) {
    const atLeast = writers.map(({ done }) => done);
    const made = await client.admin.backup(path.join(folder, 'backups'));
    backups.push({ folder: made.folder, atLeast });
  }
  isOver = true;
  await Promise.all(writing);

  for (const [i, { folder: backup, atLeast }] of backups.entries()) {
    expect(await tally(['verify', backup])).toMatchObject({ code: 0, stderr: '' });
    const dataDir = path.join(folder, `restored-${i}`);
    expect(await tally(['restore', backup, dataDir])).toMatchObject({ code: 0, stderr: '' });
    const { numbers, tables } = (await serve(dataDir)).client;
    for (const [w, { name }] of writers.entries()) {
      const begun = Number(await numbers.get(`begun ${name}`));
      const done = Number(await numbers.get(`done ${name}`));
      const { chunks } = await tables.describe({ table: name });
      expect(done).toBeGreaterThanOrEqual(atLeast[w] as number);
      const states = [begun, chunks, done];
      expect(states).toEqual([...states].sort((a, b) => b - a));
      expect(begun - done).toBeLessThanOrEqual(1);
    }
    await tables.upload(csv(1));
  }
}, 120_000);
