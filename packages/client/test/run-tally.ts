import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** How a run of `tally` ended. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunSettings {
  readonly cwd?: string;
  /** Variables to set besides those of this process, less what `tally` itself reads. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the test writes to its standard input. */
  readonly stdin?: boolean;
}

/** Starts `tally` as a process; `ended` resolves when it has exited and its output is complete. */
export function spawnTally(
  args: readonly string[],
  { cwd, env, stdin = false }: RunSettings = {},
): { process: ChildProcess; ended: Promise<Run> } {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name !== 'INIT_CWD' && !/^TALLY_/.test(name)),
  );
  const child = spawn(process.execPath, [main, ...args], {
    stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...env },
    cwd,
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<Run>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { process: child, ended };
}

/** Runs `tally` to its end. */
export function tally(args: readonly string[], settings?: RunSettings): Promise<Run> {
  return spawnTally(args, settings).ended;
}
