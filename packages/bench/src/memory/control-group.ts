import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A control group of 512 MB and no swap, made here, for one process and its threads. */
export interface ControlGroup {
  /** Its folder under /sys/fs/cgroup. */
  readonly folder: string;
  readonly how: string;
  /** Before a command: the command then runs in the group. */
  readonly enter: readonly string[];
  /** Removes the group, which must have no process any more. */
  remove(): void;
}

const limitBytes = 512 * 2 ** 20;

/** What the image sets for a server of that size; docker/Dockerfile explains it. */
export const imageSettings = {
  nodeArgs: ['--max-old-space-size=160'],
  env: { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '131072' },
} as const;

/** Makes a group; that needs Linux and the right to write to /sys/fs/cgroup. */
export function makeControlGroup(name: string): ControlGroup {
  const version2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const folder = path.join('/sys/fs/cgroup', version2 ? '' : 'memory', `${name}-${process.pid}`);
  mkdirSync(folder);
  const limits = version2
    ? { 'memory.max': limitBytes, 'memory.swap.max': 0 }
    : { 'memory.limit_in_bytes': limitBytes, 'memory.memsw.limit_in_bytes': limitBytes };
  for (const [file, bytes] of Object.entries(limits)) {
    writeFileSync(path.join(folder, file), String(bytes));
  }
  return {
    folder,
    how: 'a control group of 512 MB without swap',
    enter: ['sh', '-c', `echo $$ > ${folder}/cgroup.procs && exec "$0" "$@"`],
    remove: () => rmdirSync(folder),
  };
}
