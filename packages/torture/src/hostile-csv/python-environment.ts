import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const torturePackage = fileURLToPath(new URL('../../', import.meta.url));
const requirements = path.join(torturePackage, 'src/hostile-csv/requirements.txt');

/**
 * The Python of a virtual environment with exactly the packages of requirements.txt, made with
 * `python` where it is missing or has others.
 */
export function pythonWithPyarrow(python: string): string {
  const folder = path.join(torturePackage, '.venv-hostile-csv');
  const program = path.join(folder, 'bin/python');
  const stamp = path.join(folder, 'installed-requirements.txt');
  const wanted = readFileSync(requirements, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return program;
  console.log('Installing pyarrow…');
  execFileSync(python, ['-m', 'venv', '--clear', folder], { stdio: 'inherit' });
  execFileSync(program, ['-m', 'pip', 'install', '--quiet', '-r', requirements], {
    stdio: 'inherit',
  });
  writeFileSync(stamp, wanted);
  return program;
}
