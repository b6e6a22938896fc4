import { opendir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { checkpointFile } from '../tables/checkpoint-list.js';
import type { RemovedEntry } from '../tables/chunk-index.js';
import {
  type Action,
  type CommittedEntry,
  chunkTag,
  digestOf,
  type LoggedChunk,
  parseActions,
  parseCommit,
  type StoredChunk,
} from '../tables/delta-log.js';
import { heldEntries } from '../tables/held-entries.js';
import { fileOf } from '../tables/log-errors.js';
import type { TableField } from '../tables/schema.js';
import type { Scratch } from './scratch.js';

/** The log as far as it can be read, and whether that is all of it. */
export interface LogWalk {
  /** The commits that are there. */
  readonly commits: number;
  /** Reads the entries in order, once; leaves out those with a fault. */
  entries(): AsyncGenerator<WalkedEntry>;
  /** False once a commit was found to be missing, torn or foreign: it may name any chunk. */
  isIntact(): boolean;
}

/** An entry of the log, or, with the version -1, chunks of a checkpoint. */
export interface WalkedEntry extends Omit<CommittedEntry, 'chunks' | 'removed'> {
  readonly chunks: readonly (LoggedChunk & { readonly version: number })[];
  readonly removed: readonly RemovedEntry[];
  /** False if a commit that could not be read may have named the fields of its columns. */
  readonly areFieldsKnown: boolean;
}

/** Told of an entry's file, or of a file of the log's folder that is no entry. */
export type OnFault = (kind: 'log' | 'foreign', file: string, what: string) => void;

/** A chunk's id, which names its files. */
export const chunkId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const commitFile = /^[0-9]{20}\.json$/;
/** What other engines may add, and Tally does not read: checkpoints, checksums of versions. */
const othersFile = /^(_last_checkpoint|[0-9]{20}\.(crc|checkpoint(\..+)?\.parquet))$/;

/** A commit of Tally's has 64 chunks at most, each of some KiB. */
const commitBytesMax = 256 * 1024 * 1024;

/**
 * Lists the commits of the log in `folder`; the walk begins with the checkpoint `base`, if it is given,
 * and leaves out commits that it has taken the place of.
 */
export async function openLogWalk(
  folder: string,
  base: number | undefined,
  scratch: Scratch,
  onFault: OnFault,
): Promise<LogWalk> {
  let isIntact = true;
  let commits = base === undefined ? 0 : 1;
  for await (const entry of await opendir(folder)) {
    if (commitFile.test(entry.name) && entry.isFile()) {
      if (entry.name <= fileOf(base ?? -1)) continue;
      scratch.addCommit(entry.name);
      commits++;
    } else if (!othersFile.test(entry.name)) {
      onFault('foreign', entry.name, 'is not of a Delta Lake table');
    }
  }

  function fault(file: string, what: string): void {
    isIntact = false;
    onFault('log', file, what);
  }

  function addChunks(chunks: readonly LoggedChunk[], file: string): void {
    for (const { id } of chunks) {
      const before = scratch.addChunk(id, file);
      if (before !== undefined) fault(file, `adds the chunk ${id}, which ${before} has added`);
    }
  }

  async function* held(version: number): AsyncGenerator<WalkedEntry> {
    for await (const entry of heldEntries(folder, version)) {
      addChunks(entry.chunks, checkpointFile(version));
      yield { ...entry, areFieldsKnown: true };
    }
  }

  async function* entries(): AsyncGenerator<WalkedEntry> {
    let version = 0;
    let tableId: string | undefined;
    // Undefined while a commit that may have changed them could not be read.
    let fields: readonly TableField[] | undefined = [];
    for await (const entry of base === undefined ? [] : held(base)) {
      version = entry.version + 1;
      fields = entry.fields ?? fields;
      tableId = entry.tableId;
      yield entry;
    }
    for (const file of scratch.commits()) {
      const found = Number(file.slice(0, -'.json'.length));
      if (found !== version) {
        fault(fileOf(version), missing(found - version));
        fields = undefined;
      }
      version = found + 1;
      const text = await commitText(path.join(folder, file));
      const entry = readEntry(found, text, fields, tableId);
      if (typeof entry === 'string') {
        fault(file, entry);
        fields = undefined;
        continue;
      }
      fields = entry.fields ?? fields;
      tableId = entry.tableId ?? tableId;
      addChunks(entry.chunks, file);
      yield {
        ...entry,
        chunks: entry.chunks.map((chunk) => ({ ...chunk, version: found })),
        removed: entry.removed.map((chunk) => ({ ...chunk, version: found })),
        digest: digestOf(text as string),
        areFieldsKnown: fields !== undefined,
      };
    }
  }

  return { commits, entries, isIntact: () => isIntact };
}

function missing(commits: number): string {
  const more = commits > 1 ? `, with ${commits - 1} after it` : '';
  return `is missing${more}, but later commits are there`;
}

/** The text of a commit; undefined if it is larger than any, or cannot be read. */
async function commitText(file: string): Promise<string | undefined> {
  try {
    if ((await stat(file)).size > commitBytesMax) return undefined;
    return await readFile(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** The entry, or what is wrong with it. */
function readEntry(
  version: number,
  text: string | undefined,
  known: readonly TableField[] | undefined,
  tableId: string | undefined,
) {
  if (text === undefined) return 'cannot be read';
  const actions = parseActions(text);
  if (actions === undefined) return 'is torn or damaged: a line of it is no JSON object';
  try {
    const entry = parseCommit(version, text, known ?? []);
    return (
      tornFault(text, actions) ??
      schemaFault(entry, known, tableId) ??
      chunksFault(actions, entry.fields ?? known) ??
      entry
    );
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Its sentence names the file, as ours does.
    return message.replace(/^the table's log \([^)]*\) /, '');
  }
}

const addsOf = (actions: readonly Action[]) =>
  actions.flatMap(({ add }) => (add === undefined ? [] : [add]));

/** Each commit of Tally's ends with its commitInfo and a line end. */
function tornFault(text: string, actions: readonly Action[]): string | undefined {
  if (actions.every(({ add, remove }) => add === undefined && remove === undefined)) {
    return undefined;
  }
  const isWhole = text.endsWith('\n') && actions.at(-1)?.commitInfo !== undefined;
  return isWhole ? undefined : 'is torn: its end is missing';
}

/** Fields are added, and never changed or removed. */
function schemaFault(
  { version, fields, tableId }: Omit<CommittedEntry, 'digest'>,
  known: readonly TableField[] | undefined,
  knownTableId: string | undefined,
): string | undefined {
  if (fields === undefined) {
    return version === 0 ? 'has no schema, which the first commit must have' : undefined;
  }
  if (knownTableId !== undefined && tableId !== knownTableId) return 'is of another table';
  const isKept = known?.every((field, i) => JSON.stringify(field) === JSON.stringify(fields[i]));
  if (isKept === false) return 'changes or removes a field of the commits before it';
  const names = new Set(fields.map(({ field }) => field.toLowerCase()));
  return names.size < fields.length ? 'has two fields of one name' : undefined;
}

/** What the add actions say must be possible, and be of the schema if that is known. */
function chunksFault(
  actions: readonly Action[],
  fields: readonly TableField[] | undefined,
): string | undefined {
  const byName = fields && new Map(fields.map((field) => [field.field, field.column]));
  for (const { path: parquet, size, stats, tags } of addsOf(actions)) {
    const { id, csvBytes, columns }: StoredChunk = JSON.parse(tags?.[chunkTag] ?? '');
    const rows: unknown = JSON.parse(stats ?? '{}').numRecords;
    if (!chunkId.test(id)) return `adds a chunk with the id ${JSON.stringify(id)}, which is none`;
    if (parquet !== `parquet/${id}.parquet`) return `adds ${parquet}, but names the chunk ${id}`;
    if (![size, csvBytes, rows].every(isCount)) return `has a size or row count that is none`;
    const stray = columns.find(([name, field]) => field !== null && byName?.get(field) !== name);
    if (byName !== undefined && stray !== undefined) {
      return `has the column ${JSON.stringify(stray[0])} in a field that is not of the schema`;
    }
  }
  return undefined;
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
