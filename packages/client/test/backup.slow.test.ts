import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { launchServer } from '@tally/server/launch';
import { AdminServiceDefinition, type BackedUpFile, type BackupResponse } from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';
import { expect, onTestFinished, test } from 'vitest';
import { tally } from './run-tally.js';
import { csv, serve } from './served-folder.js';
import { temporaryFolder } from './temporary-folder.js';

test('a backup takes over what the newest one has, and lives on without it', async () => {
  const folder = await temporaryFolder({});
  const { client, port } = await serve(path.join(folder, 'data'));
  const backups = path.join(folder, 'backups');
  await client.tables.upload(csv(1));
  const first = await client.admin.backup(backups);
  expect(first).toMatchObject({ upon: undefined, bytesSent: first.bytes, numbers: 0 });
  await client.numbers.set('a', 5);
  await client.tables.upload(csv(41));
  const run = await tally(['backup', backups, '--json', ...port]);
  expect(run).toMatchObject({ code: 0, stderr: '' });
  const second = JSON.parse(run.stdout);
  expect(second).toMatchObject({
    upon: first.folder,
    numbers: 1,
    tables: [{ table: 'default', chunks: 2, rows: 2 }],
  });
  const csvFolder = 'tables/default/csv';
  const [shared = ''] = await readdir(path.join(first.folder, csvFolder));
  const inodes = [first.folder, second.folder].map((backup) =>
    stat(path.join(backup, csvFolder, shared)).then(({ ino }) => ino),
  );
  expect(await inodes[0]).toBe(await inodes[1]);
  expect(second.bytes - second.bytesSent).toBeGreaterThan(csv(1).length);
  const full = await client.admin.backup(backups, { full: true });
  expect(full).toMatchObject({ upon: undefined, bytesSent: full.bytes });
  await rm(full.folder, { recursive: true });
  await rm(first.folder, { recursive: true });

  // The folder of backups stands for the newest one.
  const dataDir = path.join(folder, 'restored');
  const restored = await tally(['restore', backups, dataDir]);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(restored.stdout).toContain(`Restored ${second.folder} `);
  const { client: again } = await serve(dataDir);
  expect(await again.numbers.get('a')).toBe(5n);
  expect((await again.tables.aggregate(['amount'])).columns[0]).toMatchObject({ sum: 42n });
}, 60_000);

test('a table without a chunk is in a backup, and what is damaged in the newest one is sent again', async () => {
  const folder = await temporaryFolder({});
  const { client } = await serve(path.join(folder, 'data'));
  await client.tables.create('empty');
  await client.tables.upload(csv(41));
  const backups = path.join(folder, 'backups');
  const first = await client.admin.backup(backups);
  const csvFolder = path.join(first.folder, 'tables/default/csv');
  const [name = ''] = await readdir(csvFolder);
  await writeFile(path.join(csvFolder, name), 'amount\n42\n');
  const second = await client.admin.backup(backups);
  expect(second.upon).toBe(first.folder);
  expect((await tally(['verify', first.folder])).code).toBe(1);
  expect((await tally(['verify', second.folder])).code).toBe(0);
  const dataDir = path.join(folder, 'restored');
  expect(await tally(['restore', backups, dataDir])).toMatchObject({ code: 0, stderr: '' });
  const restored = (await serve(dataDir)).client;
  expect((await restored.tables.describe({ table: 'empty' })).chunks).toBe(0);
  expect((await restored.tables.describe()).chunks).toBe(1);
}, 60_000);

test('the newest backup is the one that was taken last, whatever it is called', async () => {
  const folder = await temporaryFolder({});
  const { client } = await serve(path.join(folder, 'data'));
  const backups = path.join(folder, 'backups');
  const old = await client.admin.backup(backups);
  await rename(old.folder, path.join(backups, 'before-upgrade'));
  await client.numbers.set('a', 1);
  await client.admin.backup(backups);
  const dataDir = path.join(folder, 'restored');
  await tally(['restore', backups, dataDir]);
  expect(await (await serve(dataDir)).client.numbers.get('a')).toBe(1n);
}, 60_000);

test('nothing but backups is in a folder of backups, and no server starts with one', async () => {
  const folder = await temporaryFolder({});
  const { client, port } = await serve(path.join(folder, 'data'));
  const { folder: backup } = await client.admin.backup(path.join(folder, 'backups'));
  for (const used of [backup, path.join(folder, 'data')]) {
    const run = await tally(['backup', used, ...port]);
    expect(run).toMatchObject({ code: 2, stdout: '' });
    expect(run.stderr).toContain('name a folder for backups only');
  }
  await expect(launchServer({ dataDir: backup })).rejects.toThrow(`${backup} is a backup`);
  expect((await tally(['verify', backup])).code).toBe(0);
  await writeFile(path.join(folder, 'file'), '');
  expect(await tally(['restore', backup, path.join(folder, 'file')])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is a file, and should be a folder'),
  });
}, 60_000);

test('a folder that was open to others is closed to them before anything is restored', async () => {
  const folder = await temporaryFolder({});
  const { client } = await serve(path.join(folder, 'data'));
  const { folder: backup } = await client.admin.backup(path.join(folder, 'backups'));
  const dataDir = path.join(folder, 'restored');
  await mkdir(dataDir);
  await chmod(dataDir, 0o755);
  expect(await tally(['restore', backup, dataDir])).toMatchObject({ code: 0, stderr: '' });
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
});

test('a damaged backup is found out, and not started with', async () => {
  const folder = await temporaryFolder({});
  const { client } = await serve(path.join(folder, 'data'));
  await client.tables.upload(csv(41));
  const { folder: backup } = await client.admin.backup(path.join(folder, 'backups'));
  const csvFolder = path.join(backup, 'tables/default/csv');
  const [name = ''] = await readdir(csvFolder);
  await writeFile(path.join(csvFolder, name), 'amount\n42\n');
  await writeFile(path.join(csvFolder, 'more.csv'), 'amount\n1\n');

  const verified = await tally(['verify', backup]);
  expect(verified).toMatchObject({ code: 1, stderr: '' });
  expect(verified.stdout).toContain(`tables/default/csv/${name} has another checksum than when`);
  expect(verified.stdout).toContain('tables/default/csv/more.csv is not in the manifest');
  expect(await tally(['verify', '--repair', backup])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is a backup, which is not repaired'),
  });

  const dataDir = path.join(folder, 'restored');
  const restored = await tally(['restore', backup, dataDir]);
  expect(restored).toMatchObject({ code: 2, stdout: '' });
  expect(restored.stderr).toBe(
    `The file tables/default/csv/${name} is damaged: its checksum is wrong.\n`,
  );
  const cutOff = `A restore into ${dataDir} was cut off`;
  await expect(launchServer({ dataDir })).rejects.toThrow(cutOff);
  expect((await tally(['verify', dataDir])).stderr).toContain(cutOff);
  const again = await tally(['restore', backup, dataDir]);
  expect(again.stderr).toContain('a restore into it was cut off. Empty it, and restore again');

  const manifest = path.join(backup, 'manifest.jsonl');
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"size":', '"size":1'));
  expect((await tally(['restore', backup, path.join(folder, 'new')])).stderr).toContain(
    'manifest.jsonl is damaged: its checksum is wrong. Use another backup.',
  );
}, 60_000);

test('a backup goes into no folder that holds something, and what is none is told', async () => {
  const folder = await temporaryFolder({ 'full/precious.txt': 'x' });
  const { client } = await serve(path.join(folder, 'data'));
  const { folder: backup } = await client.admin.backup(path.join(folder, 'backups'));
  const full = path.join(folder, 'full');
  expect(await tally(['restore', backup, full])).toMatchObject({
    code: 2,
    stderr: `${full} holds precious.txt: a backup is restored into an empty folder, or a missing one, only. Nothing was changed.\n`,
  });
  expect(await readdir(full)).toEqual(['precious.txt']);
  expect(await tally(['restore', full, path.join(folder, 'new')])).toMatchObject({
    code: 2,
    stderr: `${full} is no complete backup, and none is in it: tally backup makes one.\n`,
  });
  // A server's own folder is not one for backups either.
  expect((await tally(['restore', backup, path.join(folder, 'data')])).stderr).toContain(
    'into an empty folder',
  );
}, 60_000);

test('what is dropped, and replaced by checkpoints, while a backup is sent is in it', async () => {
  const folder = await temporaryFolder({});
  const dataDir = path.join(folder, 'data');
  const { client, server } = await serve(dataDir);
  await client.tables.create('gone');
  await client.tables.upload(csv(7), { table: 'gone' });
  await client.tables.upload(csv(1));
  const channel = createChannel(`127.0.0.1:${server.port}`);
  onTestFinished(() => channel.close());
  const operator = createClient(AdminServiceDefinition, channel);
  const answers = new PassThrough({ objectMode: true });
  const responses = operator.backup(answers)[Symbol.asyncIterator]();
  const next = async () => (await responses.next()).value as BackupResponse;
  const { summary } = await next();
  const { batch } = await next();
  const files = batch?.files ?? [];
  expect(files).toHaveLength(Number(summary?.files));

  // There is one backup at a time.
  const second = operator.backup(new PassThrough({ objectMode: true }));
  await expect(second[Symbol.asyncIterator]().next()).rejects.toThrow(
    'another backup is being taken: there is one at a time',
  );
  await client.tables.drop('gone');
  for (let i = 0; i < 210; i++) await client.tables.upload(csv(i));
  answers.write({ wanted: files.map((_, place) => place) });
  const got = new Map<string, Buffer>();
  for (const { path: name, size } of files as BackedUpFile[]) {
    let bytes = Buffer.alloc(0);
    while (bytes.length < Number(size))
      bytes = Buffer.concat([bytes, (await next()).data as Buffer]);
    got.set(name, bytes);
  }
  expect(await responses.next()).toMatchObject({ done: true });
  const texts = [...got].filter(([name]) => name.startsWith('tables/gone/csv/'));
  expect(texts.map(([, bytes]) => bytes.toString())).toEqual(['amount\n7\n']);
  const commits = [...got.keys()].filter((name) => name.includes('default/delta/_delta_log/'));
  expect(commits).toEqual(['tables/default/delta/_delta_log/00000000000000000000.json']);
  // What it was sent from is gone, once it is over.
  await expect.poll(() => readdir(path.join(dataDir, 'tmp'))).toEqual([]);
  await client.admin.backup(path.join(folder, 'backups'));
}, 60_000);

test('a backup that was cut off is none, and the next one removes it', async () => {
  const folder = await temporaryFolder({});
  const { client } = await serve(path.join(folder, 'data'));
  for (let i = 0; i < 20; i++) await client.tables.upload(csv(i));
  const backups = path.join(folder, 'backups');
  const ended = new AbortController();
  const cutOff = client.admin.backup(backups, {
    signal: ended.signal,
    onProgress: () => ended.abort(new Error('enough')),
  });
  await expect(cutOff).rejects.toThrow();
  const backupNames = async () => (await readdir(backups)).filter((name) => name !== 'lock');
  expect(await backupNames()).toEqual([]);
  // As a client that was killed leaves it.
  const partial = path.join(backups, '2026-01-01T00-00-00Z.partial');
  await mkdir(partial);
  await writeFile(path.join(partial, 'manifest.jsonl'), '{}\n');
  expect((await tally(['restore', backups, path.join(folder, 'new')])).stderr).toContain(
    'is no complete backup',
  );
  const { folder: whole } = await client.admin.backup(backups);
  expect(await backupNames()).toEqual([path.basename(whole)]);
}, 60_000);
