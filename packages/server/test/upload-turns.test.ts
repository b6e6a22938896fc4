import { expect, test } from 'vitest';
import { inTurn, type UploadTurns } from '../src/tables/upload-turns.js';

/** Work that goes on until it is told how to end. */
function openWork() {
  let end: (value: string) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const done = new Promise<string>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  return { work: () => done, end, fail };
}

const never = new AbortController().signal;

test('work of one key is done one after the other, of others meanwhile', async () => {
  const turns: UploadTurns = new Map();
  const first = openWork();
  const ended: string[] = [];
  const run = (name: string, key: string, work = async () => name) =>
    inTurn(turns, key, never, work).then((value) => ended.push(value));
  const all = [run('first', 'a', first.work), run('second', 'a'), run('third', 'a')];
  await run('other', 'b');
  expect(ended).toEqual(['other']);
  first.end('first');
  await Promise.all(all);
  expect(ended).toEqual(['other', 'first', 'second', 'third']);
  expect(turns.size).toBe(0);
});

test('work that fails lets the next one begin', async () => {
  const turns: UploadTurns = new Map();
  const first = openWork();
  const failed = inTurn(turns, 'a', never, first.work);
  const second = inTurn(turns, 'a', never, async () => 'second');
  first.fail(new Error('no luck'));
  await expect(failed).rejects.toThrow('no luck');
  expect(await second).toBe('second');
  expect(turns.size).toBe(0);
});

test('who is cancelled while he waits does not wait to the end', async () => {
  const turns: UploadTurns = new Map();
  const first = openWork();
  const done = inTurn(turns, 'a', never, first.work);
  const cancelled = new AbortController();
  const waiting = inTurn(turns, 'a', cancelled.signal, () => Promise.reject(new Error('was run')));
  cancelled.abort(new Error('cancelled'));
  await expect(waiting).rejects.toThrow('cancelled');
  first.end('first');
  expect(await done).toBe('first');
});
