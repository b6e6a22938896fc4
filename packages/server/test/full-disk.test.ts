import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { AdminServiceDefinition, type BackupRequest, type NumStoreClient } from '@tally/stubs';
import { type ClientError, createChannel, createClient, Status } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import { launchServer } from '../dist/launch.js';
import { connect, endWith, withFolder, withProcess, withServer } from './server.js';
import { keep, piecesOf, sumOf, upload } from './table-calls.js';

/** A small file system of its own, which can be filled. */
interface SmallDisk {
  readonly dataDir: string;
  /** Takes all the room that is left. */
  fill(): void;
  makeRoom(): void;
  remount(how: 'ro' | 'rw'): void;
}

const canMount = await withFolder(async (folder) => {
  const mounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', folder]).status === 0;
  if (mounted) execFileSync('umount', [folder]);
  return mounted;
});

async function withSmallDisk(work: (disk: SmallDisk) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const disk = path.join(folder, 'disk');
    const ballast = path.join(disk, 'ballast');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
    try {
      await work({
        dataDir: path.join(disk, 'data'),
        fill: () => writeUntilFull(ballast),
        makeRoom: () => rmSync(ballast),
        remount: (how) => execFileSync('mount', ['-o', `remount,${how}`, disk]),
      });
    } finally {
      execFileSync('umount', [disk]);
    }
  });
}

function writeUntilFull(file: string): void {
  const fd = openSync(file, 'w');
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(fd);
  }
}

/** Sets new numbers to 1 until one is refused: LMDB has pages to use again first. */
async function setUntilRefused(
  numbers: NumStoreClient,
): Promise<{ sets: bigint; error: ClientError }> {
  for (let sets = 0n; sets < 1000n; sets++) {
    try {
      await numbers.setNum({ key: `${sets}`.padEnd(1024), value: 1n });
    } catch (error) {
      return { sets, error: error as ClientError };
    }
  }
  throw new Error('1000 numbers were taken without room for them');
}

/** Says nothing, and does not end. */
async function* never(): AsyncGenerator<BackupRequest> {
  await new Promise(() => {});
}

const full = 'the disk of the server is full; nothing was changed';
const title = 'on a full disk';
describe.skipIf(!canMount)(canMount ? title : `${title} (skipped: mounting is not allowed)`, () => {
  test('a backup is refused, holds nothing up, and is taken once there is room', async () => {
    await withSmallDisk(async ({ dataDir, fill, makeRoom }) => {
      await withServer({ dataDir }, async ({ address }, { numbers, table, streamed }) => {
        await numbers.setNum({ key: 'a', value: 1n });
        await keep(table, 'x\n1\n');
        const channel = createChannel(address);
        const admin = createClient(AdminServiceDefinition, channel);
        const first = async () => {
          for await (const { summary } of admin.backup(never())) return summary;
          return undefined;
        };
        fill();
        await expect(first()).rejects.toMatchObject({
          code: Status.RESOURCE_EXHAUSTED,
          details: full,
        });
        makeRoom();
        await streamed.createTable({ table: 'other' });
        expect(await first()).toMatchObject({
          numbers: 1n,
          tables: [{ chunks: 1n }, { chunks: 0n }],
        });
        channel.close();
      });
    });
  });

  test.each(['fsync', 'os', 'memory'])(
    'writes are refused and reads go on, until there is room again (--durability %s)',
    (durability) =>
      withSmallDisk(({ dataDir, fill, makeRoom }) =>
        withServer({ dataDir, args: ['--durability', durability] }, async (_server, connection) => {
          const { numbers, table, streamed } = connection;
          await numbers.setNum({ key: 'n', value: 5n });
          await keep(table, 'x\n1\n');
          fill();

          const { sets, error } = await setUntilRefused(numbers);
          expect(error).toMatchObject({ code: Status.RESOURCE_EXHAUSTED, details: full });
          expect(await upload(table, 'x\n20\n')).toBe(full);
          // The first is complete when it is refused, the second is not.
          for (const bytes of [100_000, 2_000_000]) {
            const pieces = piecesOf('x\n'.padEnd(bytes, '300\n'), 50_000);
            expect((await streamed.upload(pieces)).error).toBe(full);
          }
          expect(await numbers.fact({ key: 'n' })).toMatchObject({ value: 120n, error: '' });
          expect(await sumOf(table, 'x')).toBe(1n);

          makeRoom();
          expect(await numbers.setNum({ key: 'm', value: 10n })).toEqual({ total: 15n + sets });
          await keep(table, 'x\n4000\n');
          expect(await sumOf(table, 'x')).toBe(4001n);
        }),
      ),
  );

  test('a server that was killed starts again, for reading', () =>
    withSmallDisk(async ({ dataDir, fill, makeRoom }) => {
      await withProcess({ dataDir }, async (server, { numbers, table }) => {
        await numbers.setNum({ key: 'n', value: 5n });
        await keep(table, 'x\n1\n');
        fill();
        await endWith(server, 'SIGKILL');
      });
      await withServer({ dataDir }, async (server, { table }) => {
        const { numbers, close } = connect(server);
        expect(await numbers.fact({ key: 'n' })).toMatchObject({ value: 120n, error: '' });
        expect(await sumOf(table, 'x')).toBe(1n);
        expect((await setUntilRefused(numbers)).error.details).toBe(full);
        makeRoom();
        await keep(table, 'x\n20\n');
        close();
      });
    }));

  test('a new server refuses to start, as long as its files have no room', () =>
    withSmallDisk(async ({ dataDir, fill, makeRoom }) => {
      const args = ['--services', 'numbers'];
      fill();
      await expect(launchServer({ dataDir, args })).rejects.toThrow(
        `Cannot open the data in ${dataDir}: its disk is full (ENOSPC: no space left on device, ` +
          'write). Make room on it, and start again. Nothing that was kept is lost.',
      );
      makeRoom();
      await withServer({ dataDir, args }, async (_server, { numbers }) => {
        expect(await numbers.setNum({ key: 'n', value: 5n })).toEqual({ total: 5n });
      });
    }));

  test('of another kind, a read-only one, no server starts until it can be written to', () =>
    withSmallDisk(async ({ dataDir, remount }) => {
      const args = ['--services', 'numbers'];
      await withServer({ dataDir, args }, (_server, { numbers }) =>
        numbers.setNum({ key: 'n', value: 5n }),
      );
      remount('ro');
      await expect(launchServer({ dataDir, args })).rejects.toThrow(
        `Cannot open the data in ${dataDir}: EROFS: read-only file system, open '${dataDir}/lock'. ` +
          'Choose a folder that this process may write to with --data-dir.',
      );
      remount('rw');
      await withServer({ dataDir, args }, async (_server, { numbers }) => {
        expect(await numbers.setNum({ key: 'm', value: 1n })).toEqual({ total: 6n });
      });
    }));
});

/** Runs `work` on a disk that becomes read-only, as ext4 does of an error; false if there is none. */
async function withFailingDisk(
  work: (dataDir: string, fail: () => void) => Promise<void>,
): Promise<boolean> {
  return withFolder(async (folder) => {
    const image = path.join(folder, 'image');
    const disk = path.join(folder, 'disk');
    mkdirSync(disk);
    writeFileSync(image, '');
    truncateSync(image, 8 * 1024 * 1024);
    const run = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;
    if (!run('mkfs.ext4', '-q', '-O', '^has_journal', image)) return false;
    if (!run('mount', '-o', 'loop,errors=remount-ro', image, disk)) return false;
    try {
      const device = execFileSync('findmnt', ['-n', '-o', 'SOURCE', disk], { encoding: 'utf8' });
      const trigger = `/sys/fs/ext4/${path.basename(device.trim())}/trigger_fs_error`;
      await work(path.join(disk, 'data'), () => writeFileSync(trigger, '1'));
      return true;
    } finally {
      execFileSync('umount', [disk]);
    }
  });
}

test('on a disk that turns read-only writes are refused and reads go on', async (context) => {
  const readOnly = 'the disk of the server is read-only; nothing was changed';
  const ran = await withFailingDisk((dataDir, fail) =>
    withServer({ dataDir }, async (_server, { numbers, table, streamed }) => {
      await numbers.setNum({ key: 'n', value: 5n });
      await keep(table, 'x\n1\n');
      fail();
      await expect(numbers.setNum({ key: 'm', value: 1n })).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
        details: readOnly,
      });
      expect(await upload(table, 'x\n20\n')).toBe(readOnly);
      expect((await streamed.upload(piecesOf('x\n300\n', 3))).error).toBe(readOnly);
      expect(await numbers.fact({ key: 'n' })).toMatchObject({ value: 120n, error: '' });
      expect(await sumOf(table, 'x')).toBe(1n);
    }),
  );
  if (!ran) context.skip('an image of ext4 cannot be made and mounted here');
});
