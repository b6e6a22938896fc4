#!/usr/bin/env node
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { mutants } from './mutants.js';
import { runMutants } from './mutants-run.js';

const { only } = new Command('mutants')
  .description(
    'Breaks each guarantee on purpose, in a clone of HEAD, and shows which check notices it: each ' +
      'check must pass on the code as it is, and fail on the broken one.',
  )
  .option('--only <text...>', 'only mutants whose name contains one of these', [''])
  .addHelpText('after', '\nExample:\n  pnpm --filter @tally/torture mutants --only sync')
  .parse()
  .opts<{ only: readonly string[] }>();

const chosen = mutants.filter(({ name }) => only.some((text) => name.includes(text)));
if (chosen.length === 0) {
  console.error(
    `No mutant has "${only.join('" or "')}" in its name: there are\n${namesOf(mutants)}`,
  );
  process.exit(2);
}
const repository = fileURLToPath(new URL('../../../../', import.meta.url));
const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'tally-mutants-')));
const ending = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort());
try {
  const noticed = await runMutants(chosen, { repository, folder, signal: ending.signal });
  console.log(`${noticed} of ${chosen.length} mutants were noticed`);
  process.exitCode = noticed === chosen.length ? 0 : 1;
} catch (error) {
  console.error(ending.signal.aborted ? 'ended by a signal' : (error as Error).message);
  process.exitCode = 1;
} finally {
  // A process that was killed may still write for a moment.
  await rm(folder, { recursive: true, force: true, maxRetries: 10 });
}

function namesOf(all: typeof mutants): string {
  return all.map(({ name }) => `  ${name}`).join('\n');
}
