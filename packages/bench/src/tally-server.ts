import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from './running-server.js';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
export const serverMain = path.join(root, 'packages/server/dist/main.js');

let help: string | undefined;

/** Whether the server that is measured has the flag: `--sum-cache-entries`, for example. */
export function serverHas(flag: string): boolean {
  help ??= execFileSync(process.execPath, [serverMain, '--help'], { encoding: 'utf8' });
  return help.includes(`${flag} `);
}

export interface TallyOptions {
  /** Default: an empty folder, removed when the server stops. */
  readonly dataDir?: string;
  /** Whether sums of files are remembered; default: as the server does without being told. */
  readonly sumCache?: 'off' | 'on';
  readonly flags?: readonly string[];
}

/** More files than any table of the benchmark has. */
const sumCacheEntries = 100_000;

/** Starts Tally as it is started by default: both services, and fsync before every reply. */
export function startTally({ dataDir, sumCache, flags = [] }: TallyOptions = {}) {
  const cache =
    sumCache !== undefined && serverHas('--sum-cache-entries')
      ? ['--sum-cache-entries', String(sumCache === 'off' ? 0 : sumCacheEntries)]
      : [];
  return startServer(process.execPath, [serverMain, ...flags, ...cache], {}, dataDir);
}
