import { renameSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Semaphore } from 'async-mutex';
import { expect, test } from 'vitest';
import { spool } from '../src/tables/spool.js';
import { withFolder } from './server.js';

/** More than is written before a sync begins. */
const large = new Uint8Array(33 * 1024 * 1024).fill(55);

const options = { slots: new Semaphore(8), sync: true, onGrowth: () => {} };

test('a file may be moved as soon as it is written, while a sync of it is under way', () =>
  withFolder(async (folder) => {
    const [from, to] = [path.join(folder, 'spooled'), path.join(folder, 'kept')];
    await spool(from, [large], { ...options, onWritten: () => renameSync(from, to) });
    expect((await readFile(to)).length).toBe(large.length);
  }));
