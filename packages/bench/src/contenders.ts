import path from 'node:path';
import { type RunningServer, startServer } from './running-server.js';
import { root, startTally } from './tally-server.js';

/** Which of the two services is measured: the reference serves each from a process of its own. */
export type Service = 'numstore' | 'table';

/** A server that takes part. */
export interface Contender {
  readonly name: string;
  start(service: Service): Promise<RunningServer>;
}

/** What Python programs here need to find the stubs. */
export const pythonEnv = { PYTHONPATH: path.join(root, 'packages/stubs/python') };

const reference = (name: string, python: string, flags: readonly string[]): Contender => ({
  name,
  start: (service) =>
    startServer(
      python,
      [path.join(root, 'packages/bench/reference/server.py'), service, ...flags],
      pythonEnv,
    ),
});

export const tally: Contender = { name: 'Tally', start: () => startTally() };

/** The reference server that syncs before it replies, as Tally does. */
export const syncingReference = (python: string): Contender =>
  reference('reference --fsync', python, ['--fsync']);

/** Tally and the reference server, run by a Python that has its packages. */
export const contenders = (python: string): readonly Contender[] => [
  tally,
  reference('reference', python, []),
  syncingReference(python),
];
