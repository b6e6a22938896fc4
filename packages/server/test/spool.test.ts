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

test('what is spooled is known by its size and its CRC32C, in however many pieces it comes', () =>
  withFolder(async (folder) => {
    // The check value of CRC32C (https://reveng.sourceforge.io/crc-catalogue/17plus.htm).
    const pieces = [Buffer.from('1234'), Buffer.from(''), Buffer.from('56789')];
    const onWritten = () => {};
    expect(await spool(path.join(folder, 'spooled'), pieces, { ...options, onWritten })).toEqual({
      bytes: 9,
      crc32c: 0xe3069283,
    });
    const inPieces = [1, 2, 3].map(() => large.subarray(0, large.length / 3));
    const whole = new Uint8Array(large.length).fill(55);
    const results = await Promise.all(
      [inPieces, [whole]].map((given, i) =>
        spool(path.join(folder, `large-${i}`), given, { ...options, onWritten }),
      ),
    );
    expect(results[0]).toEqual(results[1]);
  }));

test('a file may be moved as soon as it is written, while a sync of it is under way', () =>
  withFolder(async (folder) => {
    const [from, to] = [path.join(folder, 'spooled'), path.join(folder, 'kept')];
    await spool(from, [large], { ...options, onWritten: () => renameSync(from, to) });
    expect((await readFile(to)).length).toBe(large.length);
  }));
