#!/usr/bin/env node
import { copyFile, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type FileCall, parseJournal } from '../file-calls/journal.js';
import { compileLibrary, whyNoLibrary } from '../file-calls/library.js';
import { countOption, runCommand } from '../run-options.js';
import { losePower, type Violation } from './power-loss-run.js';
import { recordWorkload } from './workload.js';

const options = runCommand(
  'power-loss',
  'Records all that a server writes and syncs, lets power be lost at many moments of it, and ' +
    'starts a server on each disk that may be left: whatever was acknowledged must be there.',
)
  .addOption(countOption('--points', 'moments at which power is lost', 200))
  .addOption(countOption('--rounds', 'rounds of writes that are recorded, of four each', 10))
  .option('--journal <file>', 'a recording that an earlier run has kept, instead of a new one')
  .option('--only <n>', 'only the n-th of the points', Number)
  .parse()
  .opts<{ seed: number; points: number; rounds: number; journal?: string; only?: number }>();

const reason = whyNoLibrary();
if (reason !== undefined) {
  console.error(`This run cannot be made here: ${reason}.`);
  process.exit(2);
}
console.log(`seed ${options.seed}`);

const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'tally-power-loss-')));
try {
  process.exitCode = (await run()) ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function run(): Promise<boolean> {
  const recorded = path.join(folder, 'recorded');
  const calls =
    options.journal === undefined
      ? await recordWorkload(recorded, compileLibrary(folder), options.rounds)
      : parseJournal(await readFile(path.resolve(process.env.INIT_CWD ?? '.', options.journal)));
  const violations: Violation[] = [];
  let points = 0;
  for await (const { violation } of losePower(calls, { ...options, folder })) {
    points++;
    if (violation === undefined) continue;
    violations.push(violation);
    printViolation(calls, violation);
  }
  console.log(`${calls.length} calls, ${points} points, ${violations.length} with a violation`);
  console.log(
    'Writes to memory that is mapped from files are not seen: lock.mdb, which is no data.',
  );
  if (violations.length > 0) await keepJournal(recorded);
  return violations.length === 0;
}

function printViolation(calls: readonly FileCall[], { number, point, faults }: Violation): void {
  const last = calls[point.calls - 1];
  const after = last === undefined ? 'the start' : `${last.kind} ${last.path} ${last.other}`.trim();
  console.log(
    `VIOLATION at point ${number}: power lost after call ${point.calls} (${after}), ` +
      `${point.remaining} of what was not synced is left`,
  );
  for (const fault of faults) console.log(`  ${fault}`);
}

/** The order of the calls is chance: only the same recording makes the same points again. */
async function keepJournal(recorded: string): Promise<void> {
  let journal = options.journal;
  if (journal === undefined) {
    journal = path.join(tmpdir(), `tally-power-loss-${options.seed}.journal`);
    await copyFile(path.join(recorded, 'journal'), journal);
  }
  const { seed, points } = options;
  console.log(
    `again: pnpm --filter @tally/torture power-loss --journal ${journal} --seed ${seed} ` +
      `--points ${points} --only <point>`,
  );
}
