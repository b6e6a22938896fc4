import path from 'node:path';

/**
 * Returns the absolute path of what the user typed.
 *
 * npm and pnpm run scripts in the package's folder, and leave the folder where the user stood in
 * INIT_CWD: a relative path is relative to that.
 */
export function userPath(text: string): string {
  return path.resolve(process.env.INIT_CWD ?? process.cwd(), text);
}
