import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Path of a program that the workspace installs at its root. */
export const binary = (name: string) => path.join(root, 'node_modules/.bin', name);

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** `<name>@<version>` of a dependency, at the exact version that the folder's package.json names. */
export async function pinned(folder: string, name: string): Promise<string> {
  const text = await readFile(path.join(root, folder, 'package.json'), 'utf8');
  const manifest: Manifest = JSON.parse(text);
  const version = manifest.dependencies?.[name] ?? manifest.devDependencies?.[name];
  if (version === undefined) throw new Error(`${folder}/package.json does not depend on ${name}`);
  return `${name}@${version}`;
}
