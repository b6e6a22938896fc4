import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startServer } from '../running-server.js';
import { noSumCache, root, serverMain } from '../tally-server.js';

/** Tally in a control group of its own. */
export interface LimitedServer {
  readonly address: string;
  /** The group's folder under /sys/fs/cgroup. */
  readonly group: string;
  /** `docker run -m 512m --memory-swap 512m`, for example. */
  readonly how: string;
  stop(): Promise<void>;
}

const limitBytes = 512 * 2 ** 20;
const image = 'tally-bench';

/** Starts Tally within 512 MB and no swap: in a container, or without Docker in a group made here. */
export function startLimited(): Promise<LimitedServer> {
  return hasDocker() ? startContainer() : startInGroup();
}

const docker = (...args: readonly string[]) =>
  execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

function hasDocker(): boolean {
  try {
    docker('info');
    return true;
  } catch {
    return false;
  }
}

async function startContainer(): Promise<LimitedServer> {
  console.log('Building the image');
  docker('build', '--quiet', '--tag', image, root);
  const limits = ['--memory', '512m', '--memory-swap', '512m'];
  const id = docker(
    'run',
    '--detach',
    ...limits,
    '--publish',
    '127.0.0.1::5440',
    image,
    ...noSumCache,
  );
  const remove = () => {
    docker('rm', '--force', '--volumes', id);
  };
  // However the benchmark ends, the container goes.
  process.once('exit', remove);
  const address = docker('port', id, '5440/tcp').split('\n')[0] ?? '';
  await untilItServes(id);
  return {
    address,
    group: containerGroup(id),
    how: 'docker run --memory 512m --memory-swap 512m',
    async stop() {
      process.off('exit', remove);
      remove();
    },
  };
}

const startMsMax = 30_000;

async function untilItServes(id: string): Promise<void> {
  const end = performance.now() + startMsMax;
  while (!docker('logs', id).includes('serves')) {
    if (performance.now() > end) throw new Error('the container does not serve');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function containerGroup(id: string): string {
  // Version 1; version 2 with cgroupfs; version 2 with systemd.
  const folders = [`memory/docker/${id}`, `docker/${id}`, `system.slice/docker-${id}.scope`];
  const found = folders
    .map((folder) => path.join('/sys/fs/cgroup', folder))
    .find((folder) => existsSync(folder));
  if (found === undefined)
    throw new Error(`the container's control group is in none of ${folders}`);
  return found;
}

async function startInGroup(): Promise<LimitedServer> {
  const version2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const group = path.join('/sys/fs/cgroup', version2 ? '' : 'memory', `tally-bench-${process.pid}`);
  mkdirSync(group);
  const limits = version2
    ? { 'memory.max': limitBytes, 'memory.swap.max': 0 }
    : { 'memory.limit_in_bytes': limitBytes, 'memory.memsw.limit_in_bytes': limitBytes };
  for (const [file, bytes] of Object.entries(limits)) {
    writeFileSync(path.join(group, file), String(bytes));
  }
  // The settings of the image, which docker/Dockerfile explains.
  const enter = `echo $$ > ${group}/cgroup.procs && exec "$0" "$@"`;
  const node = [process.execPath, '--max-old-space-size=160', serverMain, ...noSumCache];
  const server = await startServer('sh', ['-c', enter, ...node], {
    MALLOC_ARENA_MAX: '2',
    MALLOC_TRIM_THRESHOLD_: '131072',
  });
  return {
    address: server.address,
    group,
    how: 'a control group of 512 MB without swap',
    async stop() {
      await server.stop();
      rmdirSync(group);
    },
  };
}
