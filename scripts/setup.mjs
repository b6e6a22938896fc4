// Makes a clone ready to run: installs what package manifests and the lockfile ask for, then
// builds what has changed. Needs Node and npm only.
//
//   node scripts/setup.mjs [--quiet]
//
// --quiet: one short line before work that takes time, everything if it fails, else nothing.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pnpm } from './pnpm.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const stamp = path.join(root, 'node_modules', '.tally-setup');
const quiet = process.argv.includes('--quiet');

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(
    `Tally needs Node 20.19 or newer; this is Node ${process.versions.node} (${process.execPath}).`,
  );
  process.exit(1);
}

/** A digest of everything that decides what an install puts into node_modules. */
function installInputs() {
  const manifests = ['packages', 'examples'].flatMap((folder) =>
    readdirSync(path.join(root, folder)).map((name) => `${folder}/${name}/package.json`),
  );
  const hash = createHash('sha256');
  for (const name of ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests]) {
    const file = path.join(root, name);
    if (existsSync(file)) hash.update(`${name}\0`).update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/**
 * Runs pnpm with `args`; with --quiet what it prints is kept back, handed to `onOutput`, and
 * printed only if it fails. A failure ends this process.
 */
async function run(args, onOutput = () => {}) {
  const { command, options } = pnpm();
  const [file, ...rest] = [...command, ...args];
  const stdio = quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit';
  const child = spawn(file, rest, { ...options, stdio });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text;
      onOutput(output);
    });
  }
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      output += `Cannot run ${file}: ${error.message}\n`;
      resolve(1);
    });
    child.once('close', resolve);
  });
  if (code === 0) return;
  process.stderr.write(`${output}\nFailed: pnpm ${args.join(' ')}\n`);
  process.exit(1);
}

async function install() {
  const inputs = installInputs();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs) return;
  const first = !existsSync(path.join(root, 'node_modules'));
  console.log(`Installing dependencies${first ? ' (first run: about 30 s)' : ''}…`);
  // Without a terminal pnpm would refuse to replace a node_modules that another pnpm made.
  await run(['install', '--frozen-lockfile', '--config.confirmModulesPurge=false']);
  writeFileSync(stamp, inputs);
}

async function build() {
  let said = !quiet;
  await run(['exec', 'turbo', 'run', 'build', '--output-logs=new-only'], (output) => {
    if (said || !output.includes('cache miss')) return;
    said = true;
    console.log('Building…');
  });
}

checkNode();
await install();
await build();
