import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { type CommandOptions, type Ended, runCommand } from './command.js';
import { type Check, type Mutant, mutate } from './mutants.js';

export interface MutantsOptions {
  /** Its HEAD is what is broken, in a clone. */
  readonly repository: string;
  /** An empty folder, for the clone. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** One step: a build, or a check. */
const stepMsMax = 15 * 60_000;
/** Of what a check prints, so much shows what it has found; if it has not, its end says why. */
const linesShownMax = 4;
const linesAtEndMax = 12;

/** Breaks one guarantee after the other; resolves to how many were noticed by a check that passes otherwise. */
export async function runMutants(
  mutants: readonly Mutant[],
  { repository, folder, signal }: MutantsOptions,
): Promise<number> {
  const clone = path.join(folder, 'tally');
  const temporaryFolder = path.join(folder, 'tmp');
  await mkdir(temporaryFolder);
  const options: CommandOptions = { folder: clone, temporaryFolder, msMax: stepMsMax, signal };
  const pnpm = (...args: string[]) => runCommand(['node', 'scripts/pnpm.mjs', ...args], options);
  const check = ({ package: inPackage, command }: Check) =>
    runCommand(command, { ...options, folder: path.join(clone, 'packages', inPackage) });

  await must(
    'git clone',
    runCommand(['git', 'clone', '--quiet', repository, clone], { ...options, folder }),
  );
  await must('pnpm install', pnpm('install', '--frozen-lockfile', '--prefer-offline'));
  await must('pnpm build', pnpm('build'));

  const failing = new Set<string>();
  const checks = new Map(mutants.map(({ noticedBy }) => [shown(noticedBy), noticedBy]));
  for (const [name, noticedBy] of checks) {
    const ended = await check(noticedBy);
    console.log(`${ended.isSuccess ? 'passes ' : 'FAILS  '} with nothing broken: ${name}`);
    if (ended.isSuccess) continue;
    console.log(shownOutput(ended));
    failing.add(name);
  }

  /** What became of a mutant; its file is as it was afterwards, and built by the next one. */
  async function verdict({ file, edits, noticedBy }: Mutant): Promise<[string, Ended?]> {
    if (failing.has(shown(noticedBy))) return ['its check fails anyway'];
    const target = path.join(clone, file);
    const text = await readFile(target, 'utf8');
    try {
      await writeFile(target, mutate(file, text, edits));
      const built = await pnpm('build');
      if (!built.isSuccess) return ['cannot be built', built];
      const ended = await check(noticedBy);
      if (ended.isSuccess) return [missed];
      return [
        stripVTControlCharacters(ended.output).includes(noticedBy.finding)
          ? noticed
          : 'its check cannot go on',
        ended,
      ];
    } finally {
      await writeFile(target, text);
    }
  }

  let count = 0;
  for (const mutant of mutants) {
    const startMs = performance.now();
    const [result, ended] = await verdict(mutant);
    const seconds = Math.round((performance.now() - startMs) / 1000);
    console.log(`${result}: ${mutant.name} (${seconds} s): ${shown(mutant.noticedBy)}`);
    if (ended !== undefined) console.log(shownOutput(ended, mutant.noticedBy.finding));
    if (result === noticed) count++;
  }
  return count;
}

const noticed = 'noticed';
const missed = 'MISSED';

const shown = ({ package: inPackage, command }: Check) => `${inPackage}: ${command.join(' ')}`;

async function must(what: string, running: Promise<Ended>): Promise<void> {
  const ended = await running;
  if (!ended.isSuccess) throw new Error(`${what} failed:\n${ended.output}`);
}

/** What a check has printed from its finding on; without one, the end. */
function shownOutput({ output }: Ended, finding?: string): string {
  const lines = stripVTControlCharacters(output)
    .split('\n')
    .filter((line) => line.trim() !== '');
  const found = finding === undefined ? -1 : lines.findIndex((line) => line.includes(finding));
  const some = found < 0 ? lines.slice(-linesAtEndMax) : lines.slice(found, found + linesShownMax);
  return some.map((line) => `         ${line.slice(0, 200)}`).join('\n');
}
