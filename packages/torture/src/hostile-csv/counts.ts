import type { Peer } from './answers.js';
import type { Input } from './inputs.js';
import type { Verdict } from './judge.js';
import { asJavaScript } from './shrink.js';

/** What has come out so far. */
export interface Counts {
  readonly peers: readonly string[];
  compared: number;
  readByAll: number;
  refusedByAll: number;
  differing: number;
  damaged: number;
  damagedRead: number;
  throughServer: number;
  sums: number;
  /** By peer and reason. */
  readonly known: Record<string, number>;
  readonly failures: Failure[];
}

/** An input with which something is wrong. */
export interface Failure {
  /** The input's number, and whether it is a damaged one. */
  readonly input: string;
  readonly what: string;
  /** The smallest input found with which the same is wrong, as JavaScript. */
  readonly shrunk: string;
}

/** Nothing yet. */
export function noCounts(peers: readonly Peer[]): Counts {
  return {
    peers: peers.map(({ name, version }) => `${name} ${version}`),
    compared: 0,
    readByAll: 0,
    refusedByAll: 0,
    differing: 0,
    damaged: 0,
    damagedRead: 0,
    throughServer: 0,
    sums: 0,
    known: {},
    failures: [],
  };
}

/** Counts an input and what came out for it; what is wrong with it is added as a failure. */
export function count(counts: Counts, { isCompared }: Input, verdict: Verdict): void {
  if (isCompared) counts.compared++;
  else counts.damaged++;
  counts.sums += verdict.sums;
  if (verdict.failure !== undefined || verdict.tally === undefined) return;
  const isRefused = 'refusal' in verdict.tally;
  if (!isCompared) counts.damagedRead += isRefused ? 0 : 1;
  else if (verdict.known.length > 0) counts.differing++;
  else if (isRefused) counts.refusedByAll++;
  else counts.readByAll++;
  for (const reason of verdict.known) counts.known[reason] = (counts.known[reason] ?? 0) + 1;
}

/** Adds what is wrong with an input, and the smallest file with which the same is wrong. */
export function addFailure(
  counts: Counts,
  { number, isCompared }: Input,
  what: string,
  smallest: Buffer,
): void {
  const input = `${isCompared ? 'input' : 'damaged input'} ${number}`;
  counts.failures.push({ input, what, shrunk: asJavaScript(smallest) });
}

/** What has come out of all shares together. */
export function addUp(shares: readonly Counts[]): Counts {
  const sum = (of: (counts: Counts) => number) => shares.reduce((n, counts) => n + of(counts), 0);
  const reasons = new Set(shares.flatMap(({ known }) => Object.keys(known)));
  return {
    peers: shares[0]?.peers ?? [],
    compared: sum((counts) => counts.compared),
    readByAll: sum((counts) => counts.readByAll),
    refusedByAll: sum((counts) => counts.refusedByAll),
    differing: sum((counts) => counts.differing),
    damaged: sum((counts) => counts.damaged),
    damagedRead: sum((counts) => counts.damagedRead),
    throughServer: sum((counts) => counts.throughServer),
    sums: sum((counts) => counts.sums),
    known: Object.fromEntries(
      [...reasons].sort().map((reason) => [reason, sum(({ known }) => known[reason] ?? 0)]),
    ),
    failures: shares.flatMap(({ failures }) => failures),
  };
}
