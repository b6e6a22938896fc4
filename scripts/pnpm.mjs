// Runs the pnpm that this repository is tested with, whatever is installed on this machine:
//
//   node scripts/pnpm.mjs <pnpm's arguments>
//
// The version is the one of `devEngines.packageManager` in package.json. With `onFail: ignore`
// there, other versions of pnpm neither refuse to work nor try to replace themselves.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const version = pinnedVersion();

// npm and pnpm are .cmd files on Windows, which only a shell starts.
const shell = process.platform === 'win32';

function pinnedVersion() {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return manifest.devEngines.packageManager.version;
}

function versionOnPath() {
  // A corepack shim must not download, nor ask whether it may.
  const env = { ...process.env, COREPACK_ENABLE_NETWORK: '0' };
  const probe = spawnSync('pnpm --version', { shell: true, cwd: root, env, encoding: 'utf8' });
  return probe.status === 0 ? probe.stdout.trim() : undefined;
}

/** The command line that runs pnpm, to be followed by pnpm's arguments, and its environment. */
export function pnpm() {
  const command =
    versionOnPath() === version
      ? ['pnpm']
      : // Offline first: once fetched, it works without a network.
        [
          'npx',
          '--yes',
          '--prefer-offline',
          '--no-update-notifier',
          '--loglevel=error',
          `pnpm@${version}`,
        ];
  // pnpm starts turbo, which would otherwise report each run to its makers.
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1' };
  return { command, options: { cwd: root, env, shell } };
}

function main() {
  const { command, options } = pnpm();
  const [file, ...args] = [...command, ...process.argv.slice(2)];
  const { status, error } = spawnSync(file, args, { ...options, stdio: 'inherit' });
  if (error) console.error(`Cannot run ${file}: ${error.message}`);
  process.exitCode = status ?? 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
