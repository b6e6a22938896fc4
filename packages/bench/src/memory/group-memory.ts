import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What the processes of a control group have, in bytes; the page cache is not counted. */
export interface GroupMemory {
  readonly anonymous: number;
  readonly shared: number;
  readonly kernel: number;
}

/** Reads the memory of a control group of version 2, or of version 1's memory controller. */
export function groupMemory(folder: string): GroupMemory {
  const read = (file: string) => readFileSync(path.join(folder, file), 'utf8');
  const kernelFile = 'memory.kmem.usage_in_bytes';
  if (existsSync(path.join(folder, kernelFile))) {
    return parseVersion1(read('memory.stat'), read(kernelFile));
  }
  return parseVersion2(read('memory.stat'));
}

/** All that counts towards the group's limit, in bytes: the page cache too, which can be dropped. */
export function groupUsage(folder: string): number {
  const version2 = path.join(folder, 'memory.current');
  const file = existsSync(version2) ? version2 : path.join(folder, 'memory.usage_in_bytes');
  return Number(readFileSync(file, 'utf8'));
}

/** How many processes the kernel has killed in the group for want of memory. */
export function killedIn(folder: string): number {
  const version2 = path.join(folder, 'memory.events');
  const file = existsSync(version2) ? version2 : path.join(folder, 'memory.oom_control');
  return field(readFileSync(file, 'utf8'), 'oom_kill');
}

/** https://docs.kernel.org/admin-guide/cgroup-v2.html: `kernel` includes slabs, stacks and page tables. */
export const parseVersion2 = (stat: string): GroupMemory => ({
  anonymous: field(stat, 'anon'),
  shared: field(stat, 'shmem'),
  kernel: field(stat, 'kernel'),
});

/** https://docs.kernel.org/admin-guide/cgroup-v1/memory.html: `rss` is anonymous memory. */
export const parseVersion1 = (stat: string, kernelBytes: string): GroupMemory => ({
  anonymous: field(stat, 'total_rss'),
  shared: field(stat, 'total_shmem'),
  kernel: Number(kernelBytes),
});

function field(text: string, name: string): number {
  const value = new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`the control group's memory has no "${name}"`);
  return Number(value);
}
