import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../../preload/file-calls.c', import.meta.url));

/** Why no library can be preloaded on this machine; undefined if one can. */
export function whyNoLibrary(): string | undefined {
  if (process.platform !== 'linux') return 'it preloads a library, which needs Linux';
  if (spawnSync('cc', ['--version']).status !== 0) return 'there is no C compiler called cc';
  return undefined;
}

/** Compiles the library that stands between a server and its files; resolves to its path. */
export function compileLibrary(folder: string): string {
  const library = path.join(folder, 'file-calls.so');
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC'];
  const { status, stderr, error } = spawnSync(
    'cc',
    [...flags, '-o', library, source, '-ldl', '-lpthread'],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`cc cannot compile ${source}: ${error?.message ?? stderr}`);
  return library;
}

export interface PreloadOptions {
  readonly library: string;
  /** The folder whose files are watched; a path without symbolic links. */
  readonly disk: string;
  readonly journal: string;
  readonly faultPlan?: string;
}

/** The environment of a server that has the library preloaded. */
export function preloadEnvironment(options: PreloadOptions): Record<string, string> {
  return {
    LD_PRELOAD: options.library,
    TALLY_FILES_BELOW: options.disk,
    TALLY_JOURNAL: options.journal,
    ...(options.faultPlan !== undefined && { TALLY_FAULT_PLAN: options.faultPlan }),
  };
}
