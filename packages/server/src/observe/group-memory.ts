import { readFileSync } from 'node:fs';
import path from 'node:path';

/** How the memory of a control group is told, in each version of them. */
const versions = [
  // https://docs.kernel.org/admin-guide/cgroup-v2.html
  {
    ofProcess: /^0::(.*)$/m,
    mount: 'sys/fs/cgroup',
    usage: 'memory.current',
    inactive: /^inactive_file (\d+)$/m,
  },
  // https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
  {
    ofProcess: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    mount: 'sys/fs/cgroup/memory',
    usage: 'memory.usage_in_bytes',
    inactive: /^total_inactive_file (\d+)$/m,
  },
] as const;

/**
 * The memory of this process's control group in bytes, without pages of files that the kernel takes back
 * first (as Kubernetes' working set); undefined if there is no such group.
 *
 * `root`: the folder that `proc` and `sys` are in.
 */
export function groupMemory(root = '/'): number | undefined {
  const groups = textOf(path.join(root, 'proc/self/cgroup')) ?? '';
  for (const { ofProcess, mount, usage, inactive } of versions) {
    const group = ofProcess.exec(groups)?.[1] ?? '/';
    // In a container the group's own folder may be where the root's is elsewhere.
    for (const folder of [path.join(root, mount, group), path.join(root, mount)]) {
      const used = Number(textOf(path.join(folder, usage)) ?? Number.NaN);
      if (Number.isNaN(used)) continue;
      const stat = textOf(path.join(folder, 'memory.stat')) ?? '';
      return Math.max(0, used - Number(inactive.exec(stat)?.[1] ?? 0));
    }
  }
  return undefined;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
