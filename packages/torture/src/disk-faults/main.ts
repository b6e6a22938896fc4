#!/usr/bin/env node
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command, Option } from 'commander';
import { compileLibrary, whyNoLibrary } from '../file-calls/library.js';
import { injectAll, scenarioNames } from './disk-faults-run.js';
import type { Injection } from './injection.js';
import { outcomeTable, sentencesIn } from './report.js';

const options = new Command('disk-faults')
  .description(
    'Makes every file operation of a start and of every kind of write fail, one at a time, and ' +
      'checks what the server says and shows then, and after a restart.',
  )
  .addOption(new Option('--scenario <name>', 'only this one').choices(scenarioNames))
  .option('--operation <text>', 'only operations whose kind and path contain this text', '')
  .parse()
  .opts<{ scenario?: string; operation: string }>();

const reason = whyNoLibrary();
if (reason !== undefined) {
  console.error(`This run cannot be made here: ${reason}.`);
  process.exit(2);
}

const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'tally-disk-faults-')));
const injections: Injection[] = [];
try {
  const library = compileLibrary(folder);
  const names = options.scenario === undefined ? scenarioNames : [options.scenario];
  for (const name of names) await injectScenario(name, library);
} finally {
  await rm(folder, { recursive: true, force: true });
}
const violations = injections.filter((injection) => injection.violations.length > 0);
console.log('What was said:');
for (const sentence of sentencesIn(injections)) console.log(`  ${sentence}`);
console.log(`${injections.length} faults, ${violations.length} with a violation`);
if (injections.length === 0) console.error(`No operation contains "${options.operation}".`);
process.exitCode = violations.length > 0 || injections.length === 0 ? 1 : 0;

async function injectScenario(name: string, library: string): Promise<void> {
  const done: Injection[] = [];
  const choose = options.operation;
  const all = injectAll(name, {
    folder,
    library,
    choose: (faults) => faults.filter(({ kind, pattern }) => `${kind} ${pattern}`.includes(choose)),
  });
  for await (const injection of all) {
    done.push(injection);
    injections.push(injection);
    if (injection.violations.length > 0) printViolation(injection);
  }
  console.log(outcomeTable(done));
}

function printViolation({ scenario, fault, outcome, violations }: Injection): void {
  const { kind, pattern, nth, fault: how } = fault;
  console.log(`VIOLATION: ${scenario}, ${kind} ${pattern} number ${nth}: ${how} → ${outcome}`);
  for (const violation of violations) console.log(`  ${violation}`);
  console.log(
    `  again: pnpm --filter @tally/torture disk-faults --scenario '${scenario}' ` +
      `--operation '${kind} ${pattern}'`,
  );
}
