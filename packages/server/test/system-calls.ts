import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Connection, connect, eventually, withFolder } from './server.js';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Whether strace is there and may trace. */
export const canTrace = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;

/** A system call in a trace. */
export interface SystemCall {
  readonly name: string;
  /** What strace prints between the brackets, each string in hexadecimal: `20<path>, "…", 5`. */
  readonly args: string;
  readonly result: string;
  /** The lines on which it began and ended: a call that ended on a lower line came before. */
  readonly began: number;
  readonly ended: number;
}

const fromHexadecimal = (text: string) => Buffer.from(text.replaceAll('\\x', ''), 'hex');

/** The path of the open file that a call works on. */
export function fileOf({ args }: SystemCall): string {
  return fromHexadecimal(/^\d+<((?:\\x[0-9a-f]{2})+)>/.exec(args)?.[1] ?? '').toString();
}

/** The strings of a call: the paths that it names, or what it writes. */
export function stringsOf({ args }: SystemCall): Buffer[] {
  return [...args.matchAll(/"([^"]*)"/g)].map(([, text]) => fromHexadecimal(text ?? ''));
}

export const bytesOf = (call: SystemCall): Buffer => Buffer.concat(stringsOf(call));

/** Reads what `strace -f -xx` wrote; the calls come in the order in which they began. */
function parseTrace(text: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, Omit<SystemCall, 'result' | 'ended'>>();
  for (const [line, content] of text.split('\n').entries()) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(content) ?? [];
    const whole = /^(\w+)\((.*)\) += (.*?)(?: \(DELAYED\))?$/.exec(rest);
    const begin = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(rest);
    const end = /^<\.\.\. \w+ resumed>(.*)\) += (.*?)(?: \(DELAYED\))?$/.exec(rest);
    if (whole !== null) {
      const [, name = '', args = '', result = ''] = whole;
      calls.push({ name, args, result, began: line, ended: line });
    } else if (begin !== null) {
      const [, name = '', args = ''] = begin;
      unfinished.set(thread, { name, args, began: line });
    } else if (end !== null) {
      const call = unfinished.get(thread);
      if (call === undefined) throw new Error(`line ${line + 1} ends a call that never began`);
      const [, args = '', result = ''] = end;
      calls.push({ ...call, args: call.args + args, result, ended: line });
    }
  }
  return calls.sort((a, b) => a.began - b.began);
}

/**
 * Runs a server under strace in a new folder while `work` calls it.
 *
 * Resolves to the calls by which it changed files and sent bytes, once it has ended.
 */
export function traceServer(
  work: (connection: Connection) => Promise<void>,
): Promise<{ calls: readonly SystemCall[]; dataDir: string }> {
  return withFolder(async (folder) => {
    const traceFile = path.join(folder, 'trace');
    const dataDir = path.join(folder, 'data');
    const names =
      'openat,write,writev,sendmsg,sendto,pwrite64,pwritev,pwritev2,' +
      'fsync,fdatasync,link,linkat,rename,renameat,renameat2';
    // Every sync takes 5 ms: a reply that does not wait for it comes first, not by luck after it.
    const slow = 'inject=fsync,fdatasync:delay_enter=5000';
    const strace = ['-D', '-f', '-yy', '-xx', '-s', '1000000', '-o', traceFile];
    const node = [
      process.execPath,
      main,
      '--port',
      '0',
      '--data-dir',
      dataDir,
      '--warmup-calls',
      '0',
    ];
    // With -D the child that is started here is the server, and strace stands beside it.
    const server = spawn('strace', [...strace, '-e', names, '-e', slow, ...node], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(server, 'exit');
    try {
      let output = '';
      server.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      const address = await eventually(async () => / on (\S+:\d+), data /.exec(output)?.[1]);
      const connection = connect({ address });
      await work(connection);
      connection.close();
    } finally {
      server.kill('SIGTERM');
    }
    const [code, signal] = await exited;
    if (code !== 0) throw new Error(`the traced server ended with ${code ?? signal}`);
    const lastLine = new RegExp(`^${server.pid} +\\+\\+\\+ exited`, 'm');
    const calls = await eventually(async () => {
      const text = await readFile(traceFile, 'utf8');
      return lastLine.test(text) && parseTrace(text);
    });
    return { calls, dataDir };
  });
}

/** A gRPC message of the server, and the call that began to send it. */
export interface Reply {
  readonly message: Buffer;
  readonly sentBy: SystemCall;
}

/** The messages that a server sent over one TCP connection or several, in order. */
export function repliesIn(calls: readonly SystemCall[]): Reply[] {
  const connections = new Map<string, { bytes: Buffer; sentBy: SystemCall }[]>();
  for (const sentBy of calls) {
    const socket = /^\d+<TCP[^[]*\[([^\]]*)\]>/.exec(sentBy.args)?.[1];
    if (socket === undefined) continue;
    const bytes = bytesOf(sentBy).subarray(0, Math.max(0, Number.parseInt(sentBy.result, 10)));
    connections.set(socket, [...(connections.get(socket) ?? []), { bytes, sentBy }]);
  }
  return [...connections.values()]
    .flatMap(repliesOfConnection)
    .sort((a, b) => a.sentBy.began - b.sentBy.began);
}

function repliesOfConnection(sent: readonly { bytes: Buffer; sentBy: SystemCall }[]): Reply[] {
  const stream = Buffer.concat(sent.map(({ bytes }) => bytes));
  const senders = sent.flatMap(({ bytes, sentBy }) => Array<SystemCall>(bytes.length).fill(sentBy));
  const replies: Reply[] = [];
  // HTTP/2 frames (RFC 9113, section 4.1): 3 bytes of length, one of type, five more, the payload.
  let next = 0;
  for (let at = 0; at < stream.length; at = next) {
    next = at + 9 + stream.readUIntBE(at, 3);
    const isData = stream[at + 3] === 0;
    const sentBy = senders[at];
    // Five bytes of gRPC come before the message; messages as small as these are one frame each.
    if (isData && sentBy) replies.push({ message: stream.subarray(at + 9 + 5, next), sentBy });
  }
  return replies;
}
