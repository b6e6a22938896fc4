import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type RunningServer, startServer } from '../running-server.js';
import { noSumCache, root, serverMain } from '../tally-server.js';
import { imageSettings, makeControlGroup } from './control-group.js';

/** Tally in a control group of its own. */
export interface LimitedServer {
  readonly address: string;
  /** The group's folder under /sys/fs/cgroup. */
  readonly group: string;
  /** `docker run -m 512m --memory-swap 512m`, for example. */
  readonly how: string;
  stop(): Promise<void>;
}

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

/** Starts Tally in a group made here, as in the image: no proxy of Docker's is in between. */
export async function startInGroup(
  serverArgs: readonly string[] = [],
  dataDir?: string,
): Promise<LimitedServer & Pick<RunningServer, 'cpuMs' | 'startMs'>> {
  const group = makeControlGroup('tally-bench');
  const { nodeArgs, env } = imageSettings;
  const [enter = '', ...rest] = group.enter;
  const node = [process.execPath, ...nodeArgs, serverMain, ...noSumCache, ...serverArgs];
  const server = await startServer(enter, [...rest, ...node], env, dataDir);
  return {
    address: server.address,
    startMs: server.startMs,
    cpuMs: server.cpuMs,
    group: group.folder,
    how: group.how,
    async stop() {
      await server.stop();
      group.remove();
    },
  };
}
