import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { killAtExit, scratchFolder } from '../clean-up.js';

/** A server process whose calls are timed. */
export interface MeasuredServer {
  readonly port: number;
  /** From the start of the process until it said that it serves, in milliseconds. */
  readonly startMs: number;
  /** CPU time of all of its threads so far, in milliseconds. */
  cpuMs(): number;
  /** Ends the process and deletes its data. */
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const numStorePython = path.join(root, 'packages/bench/reference');

/** What Python programs here need to find the stubs. */
export const pythonEnv = { PYTHONPATH: path.join(root, 'packages/stubs/python') };

/** Where the Python client of the workload is. */
export const workloadProgram = path.join(numStorePython, 'workload.py');

/** Tally as it starts by default, with more flags if there are any. */
export const startTally = (flags: readonly string[] = []) =>
  start(process.execPath, [
    path.join(root, 'packages/server/dist/main.js'),
    '--port',
    '0',
    ...flags,
  ]);

/** The Python reference, which syncs before it replies, as Tally does. */
export const startReference = (python: string) => {
  const server = path.join(numStorePython, 'server.py');
  return start(python, [server, 'numstore', '--fsync', '--port', '0']);
};

/** NumStore with @grpc/grpc-js alone. */
export const startRaw = () =>
  start(process.execPath, [fileURLToPath(new URL('./raw-server.js', import.meta.url))]);

async function start(program: string, args: readonly string[]): Promise<MeasuredServer> {
  const data = scratchFolder();
  const startedMs = performance.now();
  const ownFlags = args.some((arg) => arg.endsWith('raw-server.js'))
    ? []
    : ['--data-dir', data.path];
  const child = spawn(program, [...args, ...ownFlags], {
    env: { ...process.env, ...pythonEnv },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  killAtExit(child);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const port = await printedPort(child, program);
  return {
    port,
    startMs: performance.now() - startedMs,
    cpuMs: () => cpuMs(child),
    async stop() {
      child.kill('SIGTERM');
      await exited;
      data.remove();
    },
  };
}

/** Every server prints `… on 127.0.0.1:<port>` in the line that says that it serves. */
function printedPort(child: ChildProcess, program: string): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = '';
    const onText = (text: string) => {
      output += text;
      const port = /serv(?:es|ing) .* on 127\.0\.0\.1:(\d+)(?=[,\n])/.exec(output)?.[1];
      if (port !== undefined) resolve(Number(port));
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
