import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from './running-server.js';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
export const serverMain = path.join(root, 'packages/server/dist/main.js');

export interface TallyOptions {
  /** Default: an empty folder, removed when the server stops. */
  readonly dataDir?: string;
  /** Whether sums of files are remembered, as they are by default in real use; default: off. */
  readonly sumCache?: 'off' | 'on';
  readonly flags?: readonly string[];
}

/** What makes the server read every file for every sum. */
export const noSumCache = ['--sum-cache-entries', '0'] as const;

/**
 * Starts Tally as it is started by default: both services, and fsync before every reply. Only the
 * sum cache is off, unless it is what is measured.
 */
export function startTally({ dataDir, sumCache = 'off', flags = [] }: TallyOptions = {}) {
  const cache = sumCache === 'off' ? noSumCache : [];
  return startServer(process.execPath, [serverMain, ...flags, ...cache], {}, dataDir);
}
