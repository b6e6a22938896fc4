import { stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { open } from 'lmdb';
import type { Config } from '../config.js';
import { ignoreFailedCommits, transactionsOf } from '../lmdb-failure.js';
import { lmdbDataFile, lmdbFault, makeLmdbFiles } from '../lmdb-file.js';
import { makeFolders } from '../make-folders.js';
import { openRememberedKeys } from '../remembered-keys.js';
import { StartError } from '../start-error.js';
import { syncPath } from '../sync-path.js';
import { decodeInt64, encodeInt64 } from './int64.js';
import { type Done, type Operation, plan, type Refused, type Totals } from './operations.js';
import {
  type ChangeCall,
  digestOf,
  outcomeOf,
  type RememberedChange,
  recordOf,
  weightOf,
} from './remembered-change.js';

/** Named 64-bit integers and their sum, on disk. */
export interface NumberStore {
  /**
   * Does operations in their order, all or none, and resolves to what that led to, once it is durable.
   *
   * With an idempotency key that was given before, it changes nothing and resolves to what the
   * request led to then. Rejects with StoppedError when only a restart can tell whether anything was
   * changed; then all that reads throws it, too.
   */
  change(change: Change): Promise<ChangeResult>;
  /** The number called `key`; undefined if there is none. Sees every change that has resolved. */
  get(key: string): bigint | undefined;
  /**
   * Numbers whose keys begin with `prefix`, as they are at one moment, in the order of the bytes of
   * their keys, from the one after `after` on: as many as the page has room for.
   */
  list(prefix: string, after: string | undefined, room: PageRoom): Page;
  totals(): Totals;
  /** Begins to copy everything to a new folder, and resolves once it is settled which moment the copy is of. */
  copyTo(folder: string): Promise<NumbersCopy>;
  close(): Promise<void>;
}

/** A copy of the numbers that is being made. */
export interface NumbersCopy {
  /** Resolves to what the copy has, once it is there. */
  readonly made: Promise<Totals>;
}

/** Operations, and what they were asked for with. */
export interface Change {
  readonly call: ChangeCall;
  readonly operations: readonly Operation[];
  readonly idempotencyKey?: string | undefined;
}

/** What a change led to. */
export interface ChangeResult {
  readonly outcome: Done | Refused;
  /** Whether it was done before, for the same idempotency key. */
  readonly isReplay?: true;
}

/** How many numbers a page has at most, and how many bytes their keys; it has one at least. */
export interface PageRoom {
  readonly entriesMax: number;
  readonly keyBytesMax: number;
}

/** Numbers in order, and whether there are more after them. */
export interface Page {
  readonly entries: readonly { readonly key: string; readonly value: bigint }[];
  readonly hasMore: boolean;
}

// lmdb's own key encodings do not bring every string back; bytes are always themselves.
const keyBytes = (key: string) => Buffer.from(key, 'utf8');
const totalKey = keyBytes('total');

/**
 * For each page that is not in memory the system would read 128 KiB: of 10,000,000 numbers within
 * 512 MB, 400 in place of 30,000 were read in a second. lmdb's types lack the option.
 */
const noReadAhead = { noReadAhead: true };

/** LMDB takes no longer ones, so there are none. */
const storedKeyBytesMax = 1978;

const decode = (bytes: Buffer | undefined) =>
  bytes === undefined ? undefined : decodeInt64(bytes);

function encodeTotals({ total, count }: Totals): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  bytes.writeBigInt64BE(total);
  bytes.writeDoubleBE(count, 8);
  return bytes;
}

const decodeTotals = (bytes: Buffer): Totals => ({
  total: bytes.readBigInt64BE(),
  count: bytes.readDoubleBE(8),
});

type StoreConfig = Pick<
  Config,
  'dataDir' | 'durability' | 'keysMax' | 'idempotencyKeysMax' | 'idempotencyHours'
>;

/**
 * Opens the numbers in `<dataDir>/numbers`, an LMDB environment that is made if missing.
 *
 * Numbers and the total change in one transaction. Transactions that arrive together are
 * committed together (group commit), with one sync for all of them.
 *
 * `memory` does what `os` does: LMDB's writes to a memory map saved some percent of the time of a
 * set, and a full disk then killed the process. Throws StartError for a damaged file.
 */
export async function openNumberStore({
  dataDir,
  durability,
  keysMax,
  ...limits
}: StoreConfig): Promise<NumberStore> {
  const folder = path.join(dataDir, 'numbers');
  await refuseDamagedFile(folder);
  await makeLmdbFiles(folder, durability === 'fsync');
  const stopIgnoring = ignoreFailedCommits();
  const environment = open({
    path: folder,
    maxDbs: 8,
    // With it, a promise means visible; without, flushed.
    overlappingSync: false,
    noSync: durability !== 'fsync',
    ...noReadAhead,
  });
  const values = environment.openDB<Buffer, Buffer>('values', {
    keyEncoding: 'binary',
    encoding: 'binary',
  });
  const sums = environment.openDB<Buffer, Buffer>('sums', {
    keyEncoding: 'binary',
    encoding: 'binary',
  });

  // LMDB syncs its file, but not the name of a file that it has just made.
  if (durability === 'fsync') for (const made of [folder, dataDir]) await syncPath(made);

  const transactions = transactionsOf(
    environment,
    folder,
    (code) =>
      `the numbers are stopped: a commit could not be written to the disk (${code}): once the disk ` +
      'is well, restart the server; then each change is there as a whole or not at all',
    durability === 'fsync' ? 'numbers' : undefined,
  );
  const remembered = openRememberedKeys<RememberedChange>(environment, limits);
  const copying = new Set<Promise<void>>();
  const totals = (): Totals => decodeTotals(sums.get(totalKey) as Buffer);
  // The total of older data has no count beside it; LMDB's own takes time at every call.
  const stored = sums.get(totalKey);
  if (stored === undefined || stored.length < 16) {
    const { entryCount: count } = values.getStats() as { readonly entryCount: number };
    const first = encodeTotals({ total: decode(stored) ?? 0n, count });
    await transactions.run(() => void sums.put(totalKey, first));
  }

  function changeInTransaction(operations: readonly Operation[]): Done | Refused {
    const current = (key: string) => decode(values.get(keyBytes(key)));
    const planned = plan(operations, current, totals(), keysMax);
    if ('refusal' in planned || planned.changed.size === 0) return planned;
    for (const [key, value] of planned.changed) {
      if (value === undefined) values.remove(keyBytes(key));
      else values.put(keyBytes(key), encodeInt64(value));
    }
    sums.put(totalKey, encodeTotals(planned.totals));
    return planned;
  }

  function changeOnceInTransaction(
    { call, operations }: Change,
    idempotencyKey: string,
  ): ChangeResult {
    const digest = digestOf(call, operations);
    const before = remembered.get(idempotencyKey);
    if (before !== undefined) {
      return digest.equals(before[0])
        ? { outcome: outcomeOf(before, operations), isReplay: true }
        : { outcome: { refusal: 'key of another request', index: 0 } };
    }
    const outcome = changeInTransaction(operations);
    const record = recordOf(digest, outcome, operations);
    if (record !== undefined) {
      remembered.put(idempotencyKey, record, Date.now(), weightOf(record));
    }
    return { outcome };
  }

  return {
    change: (change) =>
      transactions.run(() =>
        change.idempotencyKey === undefined
          ? { outcome: changeInTransaction(change.operations) }
          : changeOnceInTransaction(change, change.idempotencyKey),
      ),
    get(key) {
      transactions.throwIfStopped();
      return decode(values.get(keyBytes(key)));
    },
    list(prefix, after, { entriesMax, keyBytesMax }) {
      transactions.throwIfStopped();
      const entries: { key: string; value: bigint }[] = [];
      let bytes = 0;
      if (Buffer.byteLength(prefix) > storedKeyBytesMax) return { entries, hasMore: false };
      for (const { key, value } of values.getRange(rangeOf(prefix, after))) {
        bytes += key.length;
        const isFull = entries.length === entriesMax || bytes > keyBytesMax;
        if (isFull && entries.length > 0) return { entries, hasMore: true };
        entries.push({ key: key.toString('utf8'), value: decodeInt64(value) });
      }
      return { entries, hasMore: false };
    },
    totals() {
      transactions.throwIfStopped();
      return totals();
    },
    async copyTo(to) {
      transactions.throwIfStopped();
      await makeFolders(to);
      let isOver = false;
      // LMDB opens its snapshot before it writes anything, and says nothing when it has.
      const copied = environment.backup(to, true).finally(() => {
        isOver = true;
        copying.delete(copied);
      });
      copying.add(copied);
      const made = copied.then(() => totalsIn(to));
      // Whoever waits for it is told; nobody may be waiting yet.
      made.catch(() => {});
      while (!isOver && !(await hasBytes(lmdbDataFile(to)))) await setTimeout(1);
      return { made };
    },
    async close() {
      // A thread reads the environment for them.
      await Promise.allSettled(copying);
      await environment.close();
      stopIgnoring();
    },
  };
}

async function hasBytes(file: string): Promise<boolean> {
  const stats = await stat(file).catch(() => undefined);
  return stats !== undefined && stats.size > 0;
}

/** The totals of a copy. */
async function totalsIn(folder: string): Promise<Totals> {
  const copy = open({ path: folder, readOnly: true, maxDbs: 8 });
  try {
    const sums = copy.openDB<Buffer, Buffer>('sums', {
      keyEncoding: 'binary',
      encoding: 'binary',
    });
    return decodeTotals(sums.get(totalKey) as Buffer);
  } finally {
    await copy.close();
  }
}

async function refuseDamagedFile(folder: string): Promise<void> {
  const file = lmdbDataFile(folder);
  const fault = await lmdbFault(file);
  if (fault === undefined) return;
  throw new StartError(
    `The numbers cannot be opened, because ${file} is damaged: ${fault}. Restore that file from a ` +
      `backup, or move the folder ${folder} away to start without numbers. Nothing was changed.`,
  );
}

/** The keys that begin with `prefix` and come after `after`. */
function rangeOf(prefix: string, after: string | undefined) {
  if (prefix === '' && after === undefined) return {};
  const end = keyBytes(prefix);
  // The last byte of UTF-8 is never 0xff, so one more is a byte too.
  if (end.length > 0) end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
  return {
    start: keyBytes(after ?? prefix),
    exclusiveStart: after !== undefined,
    ...(end.length > 0 ? { end } : {}),
  };
}
