import { readFile, truncate } from 'node:fs/promises';
import type { Fault, PlannedFault } from '../file-calls/fault-plan.js';
import { type CallKind, type FileCall, parseJournal } from '../file-calls/journal.js';

/** Calls of one kind, on files that differ by what makes a name unique only. */
export interface Operation {
  readonly kind: CallKind;
  readonly pattern: string;
  /** How many of them a scenario makes. */
  readonly calls: number;
}

const transient: readonly Fault[] = ['error', 'no space'];
const lasting: readonly Fault[] = ['full from here on', 'broken from here on'];
const crashes: readonly Fault[] = ['crash before', 'crash after'];
const short: readonly Fault[] = ['short', 'short, then full'];

/** What can go wrong with a call of each kind; nothing that no disk does. */
const faultsOf: Readonly<Record<CallKind, readonly Fault[]>> = {
  open: [...transient, ...lasting],
  'open to read': ['error', 'broken from here on'],
  write: [...transient, ...short, ...lasting],
  // Its data may be in the file although its sync has failed.
  'write synced': [...transient, ...short, 'done, then error', 'broken from here on', ...crashes],
  sync: ['error', 'broken from here on', ...crashes],
  truncate: [...transient, ...lasting],
  mkdir: [...transient, ...lasting, ...crashes],
  link: [...transient, 'broken from here on', ...crashes],
  rename: [...transient, 'broken from here on', ...crashes],
  unlink: ['error', 'broken from here on', ...crashes],
  rmdir: ['error'],
  close: ['error'],
  mark: [],
};

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const patternOf = (file: string) => file.replaceAll(uuid, '*').replaceAll(/[0-9]{20}/g, '*');

/** The operations among calls, each with its number of calls. */
export function operationsIn(calls: readonly FileCall[]): Operation[] {
  const counts = new Map<string, Operation>();
  for (const call of calls) {
    const { kind } = call;
    const pattern = patternOf(call.path);
    const name = `${kind} ${pattern}`;
    counts.set(name, { kind, pattern, calls: (counts.get(name)?.calls ?? 0) + 1 });
  }
  return [...counts.values()];
}

/** Reads the calls that were recorded since the journal was last read. */
export async function takeOperations(journal: string): Promise<Operation[]> {
  const calls = parseJournal(await readFile(journal));
  // The server appends to it, so it goes on at its new end.
  await truncate(journal);
  return operationsIn(calls);
}

/** For every call of every operation, all that can go wrong with it. */
export function faultsIn(operations: readonly Operation[]): PlannedFault[] {
  return operations.flatMap(({ kind, pattern, calls }) =>
    Array.from({ length: calls }, (_, i) =>
      faultsOf[kind].map((fault) => ({ kind, pattern, nth: i + 1, fault })),
    ).flat(),
  );
}
