import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { launchServer } from '../dist/launch.js';
import { endWith, withFolder, withProcess, withServer } from './server.js';

const numbersOnly = ['--services', 'numbers'];

const inUse = (dataDir: string, pid: number | undefined) =>
  `The data folder ${dataDir} is in use by process ${pid} on host ${hostname()}, since `;

test('a second server on a data folder is told whose it is, and the first goes on', () =>
  withFolder(async (folder) => {
    const dataDir = path.join(folder, 'data');
    await withProcess({ dataDir, args: numbersOnly }, async (first, { numbers }) => {
      await numbers.setNum({ key: 'a', value: 5n });
      const { since } = JSON.parse(await readFile(path.join(dataDir, 'lock'), 'utf8'));
      await expect(launchServer({ dataDir, args: numbersOnly })).rejects.toThrow(
        `${inUse(dataDir, first.process.pid)}${since}: stop it first, or choose another folder ` +
          'with --data-dir.',
      );
      expect(await numbers.setNum({ key: 'b', value: 6n })).toEqual({ total: 11n });
    });
    await withServer({ dataDir, args: numbersOnly }, async (_server, { numbers }) => {
      expect(await numbers.setNum({ key: 'c', value: 1n })).toEqual({ total: 12n });
    });
  }));

test('after SIGKILL the next server starts at once, whatever the file says of its holder', () =>
  withFolder(async (dataDir) => {
    const first = await launchServer({ dataDir, args: numbersOnly });
    await endWith(first, 'SIGKILL');
    const lock = path.join(dataDir, 'lock');
    expect(JSON.parse(await readFile(lock, 'utf8')).pid).toBe(first.process.pid);
    // As if the process id had been given again, to one that runs: as in a new container.
    await writeFile(lock, JSON.stringify({ pid: process.pid, host: hostname(), since: 'now' }));
    await withProcess({ dataDir, args: numbersOnly }, async (second, { numbers }) => {
      expect(JSON.parse(await readFile(lock, 'utf8')).pid).toBe(second.process.pid);
      expect(await numbers.setNum({ key: 'a', value: 1n })).toEqual({ total: 1n });
    });
  }));

test('of servers that start at the same instant exactly one has the data folder', () =>
  withFolder(async (dataDir) => {
    const starts = await Promise.allSettled(
      Array.from({ length: 3 }, () => launchServer({ dataDir, args: numbersOnly })),
    );
    const started = starts.flatMap((start) => (start.status === 'fulfilled' ? start.value : []));
    await Promise.all(started.map((server) => server.stop()));
    expect(started).toHaveLength(1);
    for (const start of starts) {
      if (start.status === 'rejected') expect(String(start.reason)).toContain('is in use by ');
    }
  }));

test('a file system without locks is a sentence', () =>
  withFolder(async (dataDir) => {
    const preload = new URL('./refuse-locks.mjs', import.meta.url).href;
    const env = { NODE_OPTIONS: `--import ${preload}` };
    await expect(launchServer({ dataDir, env, args: numbersOnly })).rejects.toThrow(
      `The file system of ${dataDir} gives no locks (ENOLCK), so two servers could spoil the data ` +
        'there: choose a folder on another one with --data-dir.',
    );
  }));
