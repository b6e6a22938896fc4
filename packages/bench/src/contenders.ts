import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchOptions } from './options.js';
import { type RunningServer, startServer } from './running-server.js';

/** Which of the two services is measured: the reference serves each from a process of its own. */
export type Service = 'numstore' | 'table';

/** A server that takes part. */
export interface Contender {
  readonly name: string;
  start(service: Service, options: BenchOptions): Promise<RunningServer>;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));

// Tally comes as it is started by default: both services, and fsync before every reply.
const tally: Contender = {
  name: 'Tally',
  start: () => startServer(process.execPath, [path.join(root, 'packages/server/dist/main.js')], {}),
};

const reference = (name: string, flags: readonly string[]): Contender => ({
  name,
  start: (service, { python }) =>
    startServer(
      python,
      [path.join(root, 'packages/bench/reference/server.py'), service, ...flags],
      { PYTHONPATH: path.join(root, 'packages/stubs/python') },
    ),
});

/** All that take part. The reference is first, so that a Python that lacks packages fails at once. */
export const contenders: readonly Contender[] = [
  reference('reference', []),
  reference('reference --fsync', ['--fsync']),
  tally,
];
