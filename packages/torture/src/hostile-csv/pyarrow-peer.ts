import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Peer, PeerAnswer } from './answers.js';
import { createFrameReader } from './frames.js';

const script = fileURLToPath(new URL('../../src/hostile-csv/pyarrow_peer.py', import.meta.url));

/** pyarrow, in a Python process that lives as long as the run. */
export async function startPyarrow(python: string): Promise<Peer> {
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit');
  void exited.then(() => process.off('exit', kill));
  const nextFrame = createFrameReader(child.stdout, 'pyarrow');
  const nextAnswer = async <T>() => JSON.parse((await nextFrame()).toString()) as T;
  const { version } = await nextAnswer<{ version: string }>();
  return {
    name: 'pyarrow',
    version,
    read(bytes, columns) {
      const head = Buffer.alloc(5);
      head.writeUInt32LE(bytes.length);
      head.writeUInt8(columns === 1 ? 1 : 0, 4);
      child.stdin.write(head);
      child.stdin.write(bytes);
      return nextAnswer<PeerAnswer>();
    },
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}
