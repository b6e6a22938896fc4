import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Runs `tally start <port>` as a user would, and resolves to what it prints. */
export async function runWorkload(port: number): Promise<string> {
  const tally = fileURLToPath(import.meta.resolve('@tally/client/command'));
  const { stdout } = await promisify(execFile)(process.execPath, [tally, 'start', String(port)]);
  return stdout.replaceAll(/^(?=.)/gm, '         ');
}
