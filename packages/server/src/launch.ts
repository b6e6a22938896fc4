import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** A server in a process of its own, as an operator runs it. */
export interface LaunchedServer {
  /** The port that it listens on. */
  readonly port: number;
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  readonly dataDir: string;
  readonly process: ChildProcess;
  /** What the process has printed so far on standard output and standard error. */
  output(): string;
  /** Sends SIGTERM and resolves to the exit code; removes a data folder that `launchServer` made. */
  stop(): Promise<number | null>;
}

export interface LaunchOptions {
  /** More flags for the server. */
  readonly args?: readonly string[];
  /** Default: a new temporary folder, removed by `stop()`. */
  readonly dataDir?: string;
  /** Default: a free port. */
  readonly port?: number;
  /** Default: 0, for a server that is ready as soon as possible. */
  readonly warmupCalls?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Flags for node itself, before the script. */
  readonly nodeArgs?: readonly string[];
  /** A command that runs the one that follows it, such as `nice`. */
  readonly wrapper?: readonly string[];
  /** Sends SIGKILL when it is aborted, also while the process starts. */
  readonly killed?: AbortSignal;
}

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/**
 * Starts a server process and waits until it listens.
 *
 * Throws an Error with everything that the process printed if it ends before that.
 */
export async function launchServer(options: LaunchOptions = {}): Promise<LaunchedServer> {
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), 'tally-')));
  const [program, ...wrapped] = [...(options.wrapper ?? []), process.execPath];
  const child = spawn(
    program,
    [
      ...wrapped,
      ...(options.nodeArgs ?? []),
      main,
      ...['--port', String(options.port ?? 0), '--data-dir', dataDir],
      ...['--warmup-calls', String(options.warmupCalls ?? 0)],
      // A line for each call is of use to nobody here.
      ...['--log-level', 'warn'],
      ...(options.args ?? []),
    ],
    { env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  // A server must not outlive the test or benchmark that started it.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  options.killed?.addEventListener('abort', kill, { once: true });
  void exited.then(() => process.off('exit', kill));
  let output = '';
  let isListening = false;
  const port = await new Promise<number>((resolve, reject) => {
    const onData = (text: string) => {
      output += text;
      if (isListening) return;
      const listening = /^Tally serves .* on \S+:(\d+), data in /m.exec(output);
      if (listening === null) return;
      isListening = true;
      resolve(Number(listening[1]));
    };
    child.stdout.setEncoding('utf8').on('data', onData);
    child.stderr.setEncoding('utf8').on('data', onData);
    child.once('error', reject);
    child.once('close', (code, signal) =>
      reject(new Error(`the server ended before it listened (${signal ?? code}): ${output}`)),
    );
  });
  return {
    port,
    address: `127.0.0.1:${port}`,
    dataDir,
    process: child,
    output: () => output,
    async stop() {
      child.kill('SIGTERM');
      const code = await exited;
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
      return code;
    },
  };
}
