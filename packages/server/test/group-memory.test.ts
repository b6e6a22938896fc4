import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { groupMemory } from '../dist/observe/group-memory.js';
import { scrape } from './scraped-metrics.js';
import { eventually, withFolder, withProcess } from './server.js';

const stat = (key: string) => `anon 5\nfile 900\n${key} 300\nactive_file 600\n`;
const version1 = `${stat('inactive_file').replace('300', '1')}${stat('total_inactive_file')}`;

const v1Groups = '9:name=systemd:/\n8:cpu,memory:/my/group\n0::/\n';

it.each([
  {
    of: 'version 2, outside a container',
    groups: '0::/my/group\n',
    files: {
      'sys/fs/cgroup/my/group/memory.current': '1000\n',
      'sys/fs/cgroup/my/group/memory.stat': stat('inactive_file'),
      'sys/fs/cgroup/memory.current': '5000\n',
    },
    bytes: 700,
  },
  {
    of: 'version 2, in a container',
    groups: '0::/\n',
    files: {
      'sys/fs/cgroup/memory.current': '1000\n',
      'sys/fs/cgroup/memory.stat': stat('inactive_file'),
    },
    bytes: 700,
  },
  {
    of: 'version 1, outside a container',
    groups: v1Groups,
    files: {
      'sys/fs/cgroup/memory/my/group/memory.usage_in_bytes': '1000\n',
      'sys/fs/cgroup/memory/my/group/memory.stat': version1,
      'sys/fs/cgroup/memory/memory.usage_in_bytes': '5000\n',
    },
    bytes: 700,
  },
  {
    of: 'version 1, in a container that sees the path of the host',
    groups: v1Groups,
    files: {
      'sys/fs/cgroup/memory/memory.usage_in_bytes': '1000\n',
      'sys/fs/cgroup/memory/memory.stat': version1,
    },
    bytes: 700,
  },
  {
    of: 'a group without statistics',
    groups: '0::/\n',
    files: { 'sys/fs/cgroup/memory.current': '1000\n' },
    bytes: 1000,
  },
  { of: 'a machine without groups', groups: '', files: {}, bytes: undefined },
])('memory in use: $of', async ({ groups, files, bytes }) => {
  await withFolder(async (root) => {
    for (const [name, text] of Object.entries({ ...files, 'proc/self/cgroup': groups })) {
      await mkdir(path.dirname(path.join(root, name)), { recursive: true });
      await writeFile(path.join(root, name), text);
    }
    expect(groupMemory(root)).toBe(bytes);
  });
});

const limitBytes = 400 * 1024 * 1024;
const group = makeGroup();

it.skipIf(group === undefined)(
  'a process with a limit shows it, and what its group uses',
  async () => {
    const wrapper = ['sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$0" "$@"`];
    try {
      await withProcess({ wrapper, args: ['--metrics-port', '0'] }, async (server) => {
        const metricsPort = Number(/^Metrics: .*:(\d+)\//m.exec(server.output())?.[1]);
        const metrics = await scrape({ metricsPort });
        expect(metrics.value('tally_memory_limit_bytes')).toBe(limitBytes);
        // Of the machine it would be more, and of another group less.
        const used = metrics.value('tally_memory_used_bytes') ?? 0;
        expect(used).toBeGreaterThan(10 * 1024 * 1024);
        expect(used).toBeLessThan(limitBytes);
      });
    } finally {
      const remove = async () => {
        try {
          rmdirSync(group ?? '');
          return true;
        } catch {
          return false;
        }
      };
      await eventually(remove);
    }
  },
);

/** A control group with a limit; undefined where none can be made. */
function makeGroup(): string | undefined {
  const name = `tally-test-${process.pid}`;
  for (const [mount, limit] of [
    ['/sys/fs/cgroup', 'memory.max'],
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
  ] as const) {
    const folder = path.join(mount, name);
    try {
      mkdirSync(folder);
      try {
        writeFileSync(path.join(folder, limit), String(limitBytes), { flag: 'r+' });
        // Whether a process may be in it: not below a group of version 2 that has some itself.
        execFileSync('sh', ['-c', `echo $$ > ${folder}/cgroup.procs`], { stdio: 'ignore' });
        return folder;
      } catch {
        rmdirSync(folder);
      }
    } catch {
      // The next one.
    }
  }
  return undefined;
}
