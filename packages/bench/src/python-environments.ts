import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const benchPackage = fileURLToPath(new URL('../', import.meta.url));

// Each has its own, because the reference server's pyarrow is older than the peer's.
const requirements = {
  peers: path.join(benchPackage, 'peers/requirements.txt'),
  reference: path.join(benchPackage, '../../examples/python/requirements.txt'),
} as const;
export type EnvironmentName = keyof typeof requirements;

/**
 * The Python of a virtual environment with exactly the packages of its requirements file, made
 * with `python` where it is missing or has others.
 */
export function pythonOf(name: EnvironmentName, python: string): string {
  const folder = path.join(benchPackage, `.venv-${name}`);
  const program = path.join(folder, 'bin/python');
  const wanted = readFileSync(requirements[name], 'utf8');
  const stamp = path.join(folder, 'installed-requirements.txt');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return program;
  console.log(`Installing the Python packages of the ${name}…`);
  execFileSync(python, ['-m', 'venv', '--clear', folder], { stdio: 'inherit' });
  execFileSync(program, ['-m', 'pip', 'install', '--quiet', '-r', requirements[name]], {
    stdio: 'inherit',
  });
  writeFileSync(stamp, wanted);
  return program;
}
