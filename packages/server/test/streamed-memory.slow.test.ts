import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { Compression } from '@tally/stubs';
import { describe, expect, test } from 'vitest';
import type { LaunchedServer } from '../dist/launch.js';
import { connect, eventually, withFolder, withProcess } from './server.js';

const MB = 1_000_000;

describe.skipIf(process.platform !== 'linux')('the memory of a streamed upload', () => {
  const pieceBytes = 256 * 1024;
  const rows = Buffer.from('1234567,12.5,some text\n'.repeat(pieceBytes / 23));

  /** A file of this many bytes; calls `sent` for each piece that it is asked for. */
  async function* largeFile(bytes: number, lastLine: string, sent = (_bytes: number) => {}) {
    yield { csvData: Buffer.from('n,d,t\n') };
    for (let at = 0; at < bytes; at += rows.length) {
      sent(at);
      yield { csvData: rows };
    }
    yield { csvData: Buffer.from(lastLine) };
  }

  /** Runs `work`; resolves to how many bytes the server's memory grew at most meanwhile. */
  async function peakGrowth({ process: { pid } }: LaunchedServer, work: () => Promise<void>) {
    const field = async (name: string) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
    };
    // Makes the present size the peak.
    await writeFile(`/proc/${pid}/clear_refs`, '5');
    const before = await field('VmRSS');
    await work();
    return (await field('VmHWM')) - before;
  }

  test('does not grow with the file: 150 MB that are refused at the last line', async () => {
    // One thread converts, so that what a conversion takes at first has been taken.
    const args = ['--conversions-max', '1'];
    await withProcess({ args }, async (server, { streamed }) => {
      const send = (bytes: number) => streamed.upload(largeFile(bytes, 'short\n'));
      expect((await send(20 * MB)).error).toMatch(/1 field, but the header has 3/);
      const growth = await peakGrowth(server, async () => {
        expect((await send(150 * MB)).error).toMatch(/1 field, but the header has 3/);
      });
      expect(growth).toBeLessThan(100 * MB);
    });
  });

  test('does not grow with the file: 100 MB that are kept', async () => {
    // One thread converts, so that what a conversion takes at first has been taken.
    const args = ['--conversions-max', '1'];
    await withProcess({ args }, async (server, { streamed }) => {
      // Several, until V8's heaps have the size that they keep: later versions of Node take longer.
      for (let i = 0; i < 5; i++) {
        expect((await streamed.upload(largeFile(20 * MB, ''))).error).toBe('');
      }
      const growth = await peakGrowth(server, async () => {
        const { error, csvBytes } = await streamed.upload(largeFile(100 * MB, ''));
        expect(error).toBe('');
        expect(csvBytes).toBeGreaterThan(100n * BigInt(MB));
      });
      expect(growth).toBeLessThan(60 * MB);
    });
  });

  test('does not grow with the file: 150 MB that are gzipped, and written anew', async () => {
    const member = gzipSync(Buffer.concat(Array(40).fill(rows)));
    async function* packed(members: number, lastLine: string) {
      const csvOptions = { compression: Compression.COMPRESSION_GZIP };
      yield { csvOptions, csvData: gzipSync('n,d,t\n') };
      for (let i = 0; i < members; i++) yield { csvData: member };
      yield { csvData: gzipSync(lastLine) };
    }
    const args = ['--conversions-max', '1'];
    await withProcess({ args }, async (server, { streamed }) => {
      for (let i = 0; i < 5; i++) {
        expect((await streamed.upload(packed(2, ''))).error).toBe('');
      }
      const growth = await peakGrowth(server, async () => {
        const { error, csvBytes } = await streamed.upload(packed(15, ''));
        expect(error).toBe('');
        expect(csvBytes).toBeGreaterThan(150n * BigInt(MB));
        expect((await streamed.upload(packed(15, 'short\n'))).error).toMatch(/1 field, but/);
      });
      expect(growth).toBeLessThan(60 * MB);
    });
  });

  test('a disk that takes nothing stops the client', () =>
    withFolder(async (folder) => {
      const gate = path.join(folder, 'gate');
      const preload = new URL('./hold-spool.mjs', import.meta.url).href;
      const env = { NODE_OPTIONS: `--import ${preload}`, HELD_GATE: gate };
      await withProcess({ env }, async (server, { streamed }) => {
        await writeFile(gate, '');
        let sent = 0;
        const reply = streamed.upload(
          largeFile(60 * MB, 'short\n', (bytes) => {
            sent = bytes;
          }),
        );
        const other = connect(server);
        // Until nothing more was sent while the server answered hundreds of calls.
        await eventually(async () => {
          const before = sent;
          for (let i = 0; i < 100; i++) await other.numbers.setNum({ key: 'a', value: 1n });
          return sent > 0 && sent === before;
        });
        other.close();
        // What the client's own library holds, 16 pieces, and few more at the server.
        expect(sent).toBeLessThan(20 * rows.length);
        await rm(gate);
        expect((await reply).error).toMatch(/1 field, but the header has 3/);
      });
    }));
});
