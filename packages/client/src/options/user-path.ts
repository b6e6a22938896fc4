import path from 'node:path';

/**
 * Returns the folder where the user stood.
 *
 * npm and pnpm run scripts in the package's folder, and leave the folder where the user stood in
 * INIT_CWD.
 */
export const userFolder = (): string => process.env.INIT_CWD ?? process.cwd();

/** Returns the absolute path of what the user typed: a relative one is relative to that folder. */
export const userPath = (text: string): string => path.resolve(userFolder(), text);
