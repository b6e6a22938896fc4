import { expect, test } from 'vitest';
import { parseVersion1, parseVersion2 } from '../src/memory/group-memory.js';

test('version 2 counts the kernel in the same file', () => {
  const stat = 'anon 100\nfile 900\nkernel 30\nkernel_stack 7\nshmem 20\n';
  expect(parseVersion2(stat)).toEqual({ anonymous: 100, shared: 20, kernel: 30 });
});

test('version 1 counts the group and those below it', () => {
  const stat = 'cache 900\nrss 1\nshmem 2\ntotal_cache 900\ntotal_rss 100\ntotal_shmem 20\n';
  expect(parseVersion1(stat, '30\n')).toEqual({ anonymous: 100, shared: 20, kernel: 30 });
});

test('a file without the number is no 0', () => {
  expect(() => parseVersion2('anon 1\n')).toThrow('"shmem"');
});
