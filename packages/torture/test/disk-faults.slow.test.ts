import { describe, expect, it } from 'vitest';
import { injectAll } from '../src/disk-faults/disk-faults-run.js';
import type { Injection } from '../src/disk-faults/injection.js';
import type { PlannedFault } from '../src/file-calls/fault-plan.js';
import { compileLibrary, whyNoLibrary } from '../src/file-calls/library.js';
import { withDisk } from './temporary-disk.js';

type Choose = (faults: readonly PlannedFault[]) => readonly PlannedFault[];

const inject = (scenario: string, choose: Choose): Promise<Injection[]> =>
  withDisk(async (folder) => {
    const injections: Injection[] = [];
    const library = compileLibrary(folder);
    for await (const injection of injectAll(scenario, { folder, library, choose })) {
      injections.push(injection);
    }
    return injections;
  });

const violationsOf = (injections: readonly Injection[]) =>
  injections.flatMap(({ fault, violations }) => violations.map((text) => ({ fault, text })));

/** Faults with which a server goes on: a restart takes longer than 30 of them. */
const isQuick = ({ kind, pattern, fault }: PlannedFault) =>
  /^(error|no space|short|full from here on)$/.test(fault) &&
  kind !== 'write synced' &&
  !pattern.endsWith('_delta_log');

const reason = whyNoLibrary();
const title = 'a server whose disk fails';
const shownTitle = reason === undefined ? title : `${title} (skipped: ${reason})`;
describe.skipIf(reason)(shownTitle, { timeout: 120_000 }, () => {
  it('refuses a write or keeps it as a whole, whichever file operation of it fails', async () => {
    const everyThird: Choose = (faults) => faults.filter(isQuick).filter((_, i) => i % 3 === 0);
    const injections = await inject('a unary Upload', everyThird);
    expect(violationsOf(injections)).toEqual([]);
    expect(injections.length).toBeGreaterThan(15);
    expect(injections.filter(({ outcome }) => outcome === 'not reached')).toEqual([]);
  });

  it('goes on after a crash at the link of a log entry with the chunk as a whole', async () => {
    const injections = await inject('a unary Upload', (faults) =>
      faults.filter(({ kind, fault }) => kind === 'link' && fault === 'crash after'),
    );
    expect(violationsOf(injections)).toEqual([]);
    expect(injections.map(({ outcome }) => outcome)).toEqual(['server ended']);
  });

  it.each([
    ['a SetNum', 'stopped'],
    ['a unary Upload', 'kept unseen'],
  ])('lets nobody wait for ever once LMDB has failed for good: %s', async (scenario, outcome) => {
    const injections = await inject(scenario, (faults) =>
      faults.filter(({ kind, fault }) => kind === 'write synced' && fault === 'error'),
    );
    expect(violationsOf(injections)).toEqual([]);
    expect(injections.map((injection) => injection.outcome)).toEqual([outcome]);
  });
});
