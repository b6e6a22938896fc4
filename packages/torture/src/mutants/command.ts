import { spawn } from 'node:child_process';

/** How a program ended, and all that it printed. */
export interface Ended {
  readonly isSuccess: boolean;
  readonly output: string;
}

export interface CommandOptions {
  readonly folder: string;
  /** For what it leaves behind: a torture run that finds something keeps what shows it. */
  readonly temporaryFolder: string;
  readonly msMax: number;
  readonly signal: AbortSignal;
}

/**
 * Runs a program to its end, which comes after `msMax` at the latest.
 *
 * The servers that it has started end with it: it has a process group of its own. Rejects with the
 * signal's reason once that is aborted.
 */
export async function runCommand(
  [program = '', ...args]: readonly string[],
  { folder, temporaryFolder, msMax, signal }: CommandOptions,
): Promise<Ended> {
  signal.throwIfAborted();
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...process.env, CI: 'true', TMPDIR: temporaryFolder, INIT_CWD: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const killGroup = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Nothing of it is left.
    }
  };
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => printed.push(bytes));
  }
  const timer = setTimeout(killGroup, msMax);
  signal.addEventListener('abort', killGroup);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      // Not `close`: a server that is left over would hold the pipes open.
      child.once('exit', resolve);
    });
    return { isSuccess: status === 0, output: Buffer.concat(printed).toString() };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', killGroup);
    killGroup();
    signal.throwIfAborted();
  }
}
