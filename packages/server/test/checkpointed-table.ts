import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TableServiceClient } from '@tally/stubs';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll } from 'vitest';
import { verifyDataFolder } from '../dist/verify/verify.js';
import { keyed } from './keyed-calls.js';
import { type Connection, eventually, withFolder, withServer } from './server.js';
import { piecesOf, sumOf } from './table-calls.js';
import { type Action, commitPath, tableFolders } from './table-files.js';

// A table of many commits, and what clients see of it.

const inLog = (version: number, ending: string) => `${String(version).padStart(20, '0')}.${ending}`;

/** The names of files of the log. */
export const checkpointName = (version: number) => inLog(version, 'checkpoint.parquet');
export const commitName = (version: number) => inLog(version, 'json');

export const logOf = (dataDir: string) => tableFolders(dataDir).log;

/** The first number whose row has another type of the column `n`. */
export const otherType = 50;

/** The upload of one row, which is of the number `x`, with an idempotency key of its own. */
export async function uploadRow(streamed: TableServiceClient, x: number) {
  const call = keyed(`key-${x}`);
  const n = x === otherType ? 'fifty' : x;
  const csv = x % 7 === 0 ? `x,"a, name"\n${x},\n` : `x,n\n${x},${n}\n`;
  const { chunkId } = await streamed.upload(piecesOf(csv, 100), call);
  return { chunkId, isReplay: call.isReplay() };
}

export async function uploadRows(streamed: TableServiceClient, from: number, to: number) {
  for (let x = from; x <= to; x++) await uploadRow(streamed, x);
}

/** Deletes a chunk by its number. */
export async function deleteChunk(streamed: TableServiceClient, wanted: number) {
  const { chunks } = await streamed.listChunks({ pageSize: 1000 });
  const chunk = chunks.find(({ number }) => number === BigInt(wanted));
  if (chunk === undefined) throw new Error(`there is no chunk ${wanted}`);
  return streamed.deleteChunk({ chunkId: chunk.chunkId });
}

/** All that clients can see of the table, also as of some of its versions. */
export async function seenOf({ table, streamed }: Connection, asOf: readonly number[]) {
  const sums: unknown[] = [];
  for (const column of ['x', 'n', 'a, name', 'nobody has it']) {
    sums.push(await sumOf(table, column));
  }
  const { chunks } = await streamed.listChunks({ pageSize: 1000 });
  const versions: unknown[] = [];
  for (const version of asOf) {
    for await (const { result } of streamed.aggregate({ columns: ['x'], version: BigInt(version) }))
      if (result !== undefined) versions.push(result);
  }
  return { sums, chunks, versions, table: await streamed.describeTable({}) };
}

/** Versions that `seenOf` asks for: before, at and after those of checkpoints. */
export const asOf = [0, 60, 99, 100, 125, 199, 200, 233];

export const noCaches = ['--sum-cache-entries', '0', '--catalog-cache-entries', '0'];

export const removeIndex = (dataDir: string) =>
  rm(tableFolders(dataDir).index, { recursive: true });

export const problemsOf = async (dataDir: string) => (await verifyDataFolder(dataDir)).problems;

/** Waits until a commit that a checkpoint has taken the place of is removed. */
export const untilRemoved = (dataDir: string, version: number) =>
  eventually(async () => !(await readdir(logOf(dataDir))).includes(commitName(version)));

/** Waits until the checkpoint of a version is the last one. */
export const untilLast = (dataDir: string, version: number) =>
  eventually(async () => {
    const last = path.join(logOf(dataDir), '_last_checkpoint');
    const text = await readFile(last, 'utf8').catch(() => '{}');
    return JSON.parse(text).version === version;
  });

/** Runs `work` on a copy of a data folder. */
export const withCopy = (dataDir: string, work: (dataDir: string) => Promise<void>) =>
  withFolder(async (folder) => {
    const copy = path.join(folder, 'data');
    await cp(dataDir, copy, { recursive: true });
    await work(copy);
  });

export async function readLog(dataDir: string, from: number, to: number): Promise<Action[][]> {
  const versions = Array.from({ length: to - from }, (_, i) => from + i);
  const texts = versions.map((version) => readFile(commitPath(dataDir, version), 'utf8'));
  return (await Promise.all(texts)).map((text) => text.trimEnd().split('\n').map(toAction));
}

const toAction = (line: string): Action => JSON.parse(line);

/** Data folders whose log has checkpoints, made once for all tests of a file. */
export interface CheckpointedTables {
  /** Its next commit makes the checkpoint of version 200 due. */
  readonly before: string;
  /** The same, with commits up to version 233, of which the first are in checkpoints only. */
  readonly whole: string;
  /** What clients see of the second. */
  readonly seen: Awaited<ReturnType<typeof seenOf>>;
  /** All its commits as they were, in the order of their versions. */
  readonly commits: readonly Action[][];
}

export function checkpointedTables(): CheckpointedTables {
  let folder: string;
  let made: CheckpointedTables;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'tally-checkpoints-'));
    made = await makeTables(path.join(folder, 'before'), path.join(folder, 'whole'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  return {
    get before() {
      return made.before;
    },
    get whole() {
      return made.whole;
    },
    get seen() {
      return made.seen;
    },
    get commits() {
      return made.commits;
    },
  };
}

async function makeTables(before: string, whole: string): Promise<CheckpointedTables> {
  await withServer({ dataDir: before }, async (_server, { streamed }) => {
    await uploadRows(streamed, 1, 120);
    for (const number of [3, 49, 115]) await deleteChunk(streamed, number);
    await uploadRows(streamed, 121, 195);
    for (const number of [4, 150]) await deleteChunk(streamed, number);
  });
  const first = await readLog(before, 0, 200);
  await cp(before, whole, { recursive: true });
  const seen = await withServer({ dataDir: whole }, async (_server, connection) => {
    await uploadRows(connection.streamed, 201, 230);
    await deleteChunk(connection.streamed, 160);
    await uploadRows(connection.streamed, 231, 233);
    await untilRemoved(whole, 99);
    return seenOf(connection, asOf);
  });
  return { before, whole, seen, commits: [...first, ...(await readLog(whole, 200, 234))] };
}

type Fields = Action[string];

/** The actions of a table's state. */
export interface TableState {
  readonly protocol: readonly Fields[];
  readonly metaData: readonly Fields[];
  readonly add: readonly Fields[];
  readonly remove: readonly Fields[];
}

const byPath = (a: Fields, b: Fields) => String(a.path).localeCompare(String(b.path));

/** The state after commits, as PROTOCOL.md's "Action Reconciliation" says. */
export function reconciled(commits: readonly Action[][]): TableState {
  const actions = commits.flat();
  const all = (kind: string) =>
    actions.flatMap(({ [kind]: fields }) => (fields === undefined ? [] : [fields]));
  const removed = all('remove');
  const gone = new Set(removed.map(({ path }) => path));
  return {
    protocol: all('protocol').slice(-1),
    metaData: all('metaData').slice(-1),
    add: all('add')
      .filter(({ path }) => !gone.has(path))
      .map((add) => ({ ...add, dataChange: false })),
    remove: removed
      .map(({ path, deletionTimestamp }) => ({ path, deletionTimestamp, dataChange: false }))
      .sort(byPath),
  };
}

/** The state that a checkpoint holds, read without any of the server's code. */
export async function stateIn(file: string): Promise<TableState> {
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(file) });
  const numbers = (_: string, value: unknown) =>
    typeof value === 'bigint' ? Number(value) : value;
  const plain: Partial<Action>[] = JSON.parse(JSON.stringify(rows, numbers));
  const all = (kind: string) => plain.flatMap(({ [kind]: fields }) => (fields ? [fields] : []));
  return {
    protocol: all('protocol'),
    metaData: all('metaData'),
    add: all('add'),
    remove: all('remove').sort(byPath),
  };
}
