import { readdir } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { expect, test } from 'vitest';
import { connect, eventually, withProcess } from './server.js';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';

// Node answers each of these with GOAWAY and leaves its socket open, whatever the client does.
const brokenFrames: Readonly<Record<string, string>> = {
  'a PING without its eight bytes': '\0\0\0\x06\0\0\0\0\0',
  'settings that are cut': '\0\0\x01\x04\0\0\0\0\0x',
  'a frame larger than is allowed': `\0\x40\x01\0\0\0\0\0\x01${'x'.repeat(16_385)}`,
};

test('connections that have broken HTTP/2 are closed, and no others', () =>
  withProcess({ args: ['--ping-ms', '100', '--ping-timeout-ms', '2000'] }, async (server, held) => {
    const openFiles = async () => (await readdir(`/proc/${server.process.pid}/fd`)).length;
    await held.numbers.setNum({ key: 'held', value: 5n });
    const before = await openFiles();
    for (const frame of Object.values(brokenFrames)) {
      const socket = connectTcp(server.port, '127.0.0.1');
      await new Promise((resolve, reject) => {
        socket.on('error', reject);
        socket.once('data', resolve);
        socket.end(preface + frame, 'latin1');
      });
      socket.on('error', () => {});
      socket.destroy();
    }
    // Whoever answers keeps its connection; new ones are taken.
    // Threads that load their code may have had files open before.
    await eventually(async () => (await openFiles()) <= before);
    expect(await held.numbers.fact({ key: 'held' })).toMatchObject({ value: 120n });
    const other = connect(server);
    expect(await other.numbers.fact({ key: 'held' })).toMatchObject({ value: 120n });
    other.close();
  }));
