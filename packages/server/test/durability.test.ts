import path from 'node:path';
import { SetNumResponse } from '@tally/stubs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  bytesOf,
  canTrace,
  fileOf,
  type Reply,
  repliesIn,
  type SystemCall,
  stringsOf,
  traceServer,
} from './system-calls.js';

/** Something that a server does, as its system calls show it. */
interface Step {
  readonly what: string;
  readonly is: (call: SystemCall) => boolean;
}

const isWrite = ({ name, result }: SystemCall) =>
  /^p?writev?(64|2)?$/.test(name) && Number.parseInt(result, 10) > 0;

const sync = (file: string): Step => ({
  what: `the sync of ${file}`,
  is: (call) => /^f(data)?sync$/.test(call.name) && call.result === '0' && fileOf(call) === file,
});

const newName = (name: 'link' | 'rename', from: string, to: string): Step => ({
  what: `the ${name} of ${from} to ${to}`,
  is: (call) =>
    call.name.startsWith(name) &&
    call.result === '0' &&
    stringsOf(call).join('\n') === `${from}\n${to}`,
});

/** Asserts that every step ended before the next one began, and the last one before the reply. */
function expectBefore(reply: Reply, calls: readonly SystemCall[], steps: readonly Step[]): void {
  let ended = -1;
  for (const { what, is } of steps) {
    const step = calls.find(
      (call) => call.began > ended && call.ended < reply.sentBy.began && is(call),
    );
    expect(step, `${what}, in its order before the reply`).toBeDefined();
    ended = step?.ended ?? Number.POSITIVE_INFINITY;
  }
}

const sets = 60;
const uploads = 3;
/** A number whose bytes are nowhere else on disk. */
const numberOf = (set: number) => 0x007a_11ee_c0de_0000n + BigInt(set);

function bigEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

const title = 'no reply of a server with --durability fsync comes';
describe.skipIf(!canTrace)(canTrace ? title : `${title} (skipped: strace is missing)`, () => {
  let calls: readonly SystemCall[];
  let dataDir: string;
  let setReplies: readonly Reply[];
  let uploadReplies: readonly Reply[];
  const totals: bigint[] = [];
  beforeAll(async () => {
    ({ calls, dataDir } = await traceServer(async ({ numbers, table }) => {
      const set = async (i: number) => {
        totals[i] = (await numbers.setNum({ key: `key ${i}`, value: numberOf(i) })).total;
      };
      // Half of them one after the other, the others at once, so that they share commits.
      for (let i = 0; i < sets / 2; i++) await set(i);
      await Promise.all(Array.from({ length: sets / 2 }, (_, i) => set(sets / 2 + i)));
      for (let i = 0; i < uploads; i++) {
        const csvData = Buffer.from(`x,note\n${i},text\n`);
        expect(await table.upload({ csvData })).toEqual({ error: '' });
      }
    }));
    // The answer to an upload that went well is an empty message.
    const replies = repliesIn(calls);
    setReplies = replies.filter(({ message }) => message.length > 0);
    uploadReplies = replies.filter(({ message }) => message.length === 0);
  });

  it('unseen: each of them is in the trace', () => {
    expect(setReplies).toHaveLength(sets);
    expect(uploadReplies).toHaveLength(uploads);
  });

  it('before the names of the folders and files that were made are on disk', () => {
    const [reply] = setReplies;
    if (reply === undefined) throw new Error('the trace shows no reply');
    for (const folder of [path.dirname(dataDir), dataDir, path.join(dataDir, 'numbers')]) {
      expectBefore(reply, calls, [sync(folder)]);
    }
  });

  it('before the pages of its set, and then the commit that counts them in, are on disk', () => {
    const file = path.join(dataDir, 'numbers', 'data.mdb');
    // What is written through this descriptor is on disk when the call returns.
    const synced = calls.findLast(
      (call) =>
        call.name === 'openat' &&
        call.args.includes('O_DSYNC') &&
        bytesOf(call).equals(Buffer.from(file)),
    );
    const syncedFd = Number.parseInt(synced?.result ?? '', 10);
    expect(syncedFd).toBeGreaterThan(0);
    const commit: Step = {
      what: `the write of a commit to ${file}`,
      is: (call) => isWrite(call) && fileOf(call) === file && call.args.startsWith(`${syncedFd}<`),
    };
    for (const reply of setReplies) {
      const { total } = SetNumResponse.decode(reply.message);
      const value = numberOf(totals.indexOf(total));
      const pages: Step = {
        what: `the write of the page with ${value} to ${file}`,
        is: (call) =>
          isWrite(call) && fileOf(call) === file && bytesOf(call).includes(bigEndian(value)),
      };
      expectBefore(reply, calls, [pages, sync(file), commit]);
    }
  });

  it('before both files of its upload, the log entry that names them and the log are on disk', () => {
    const spool = path.join(dataDir, 'tmp');
    const table = path.join(dataDir, 'tables', 'default');
    const log = path.join(table, 'delta', '_delta_log');
    for (const [version, reply] of uploadReplies.entries()) {
      const entry = path.join(log, `${String(version).padStart(20, '0')}.json`);
      const [entrySpooled = ''] = linkTo(calls, entry);
      const id = chunkIn(calls, entrySpooled);
      const link = [sync(entrySpooled), newName('link', entrySpooled, entry), sync(log)];
      for (const [folder, extension] of [
        [path.join(table, 'csv'), 'csv'],
        [path.join(table, 'delta', 'parquet'), 'parquet'],
      ] as const) {
        const spooled = path.join(spool, `${id}.${extension}`);
        const file = path.join(folder, `${id}.${extension}`);
        const written: Step = {
          what: `the writing of ${spooled}`,
          is: (call) => isWrite(call) && fileOf(call) === spooled,
        };
        const put = [written, sync(spooled), newName('rename', spooled, file), sync(folder)];
        expectBefore(reply, calls, [...put, ...link]);
      }
    }
  });
});

/** The two paths of the link that made `file`. */
function linkTo(calls: readonly SystemCall[], file: string): string[] {
  const links = calls.filter(({ name }) => name.startsWith('link')).map(stringsOf);
  const [paths = []] = links.filter(([, to]) => to?.toString() === file);
  return paths.map(String);
}

/** The id of the chunk in the log entry that was written to a file. */
function chunkIn(calls: readonly SystemCall[], file: string): string {
  const written = calls.filter((call) => isWrite(call) && fileOf(call) === file).map(bytesOf);
  return /"path":"parquet\/([^"]*)\.parquet"/.exec(Buffer.concat(written).toString())?.[1] ?? '';
}
