import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { killAtExit, scratchFolder } from './clean-up.js';

/** A server process that is being measured. */
export interface RunningServer {
  readonly address: string;
  /** From the start of the process until it said that it serves. */
  readonly startMs: number;
  /** CPU time of all of its threads so far. */
  cpuMs(): number;
  /** The most memory that it has had so far, in MiB. */
  peakMiB(): number;
  /** Ends the process and deletes its data, unless the folder was given. */
  stop(): Promise<void>;
}

/**
 * Starts a server on a free port in the folder, or else in an empty one of its own, and waits
 * until it says where it listens.
 *
 * Throws an Error with what it printed if it ends before that.
 */
export async function startServer(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  dataDir?: string,
): Promise<RunningServer> {
  const scratch = dataDir === undefined ? scratchFolder() : undefined;
  const folder = dataDir ?? scratch?.path ?? '';
  const startedMs = performance.now();
  const child = spawn(program, [...args, '--port', '0', '--data-dir', folder], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  killAtExit(child);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const port = await printedPort(child, program);
  return {
    address: `127.0.0.1:${port}`,
    startMs: performance.now() - startedMs,
    cpuMs: () => cpuMs(child),
    peakMiB: () => peakMiB(child),
    async stop() {
      child.kill('SIGTERM');
      await exited;
      scratch?.remove();
    },
  };
}

/** Tally prints `… on 127.0.0.1:<port>, …`, the reference `… on 127.0.0.1:<port>`. */
function printedPort(child: ChildProcess, program: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    const onText = (text: string) => {
      output += text;
      const port = / on 127\.0\.0\.1:(\d+)(?=[,\n])/.exec(output)?.[1];
      if (port === undefined) return;
      // A line for each call is read on, and not kept.
      for (const stream of [child.stdout, child.stderr]) stream?.off('data', onText).resume();
      resolve(port);
    };
    child.stdout?.setEncoding('utf8').on('data', onText);
    child.stderr?.setEncoding('utf8').on('data', onText);
    child.once('error', reject);
    child.once('close', () => reject(new Error(`${program} did not start a server: ${output}`)));
  });
}

/** proc(5): the 14th and 15th field are user and system time in ticks of 10 ms. */
function cpuMs(child: ChildProcess): number {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  // The second field is the program's name, which may hold spaces; it ends with a bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function peakMiB(child: ChildProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
