import { Option } from 'commander';
import { countOption, runCommand } from '../run-options.js';
import { type AttackReport, attack, type KindReport, ViolationError } from './attack.js';
import { allKinds } from './kinds/all-kinds.js';

interface RunOptions {
  readonly seed: number;
  readonly cases: number;
  readonly only: string | undefined;
}

const names = allKinds.map(({ name }) => name);
const command = runCommand(
  'hostile-rpc',
  'Sends a server what no client should, over raw TCP and HTTP/2, and sees that it goes on right.',
)
  .addOption(countOption('--cases', 'hostile cases, as many of each kind', 100_000))
  .addOption(new Option('--only <kind>', 'cases of one kind only').choices(names));
command.parse();
const { seed, cases, only } = command.opts<RunOptions>();
const kinds = allKinds.filter(({ name }) => only === undefined || name === only);

console.log(`seed ${seed}: ${cases} cases of ${kinds.length} kinds`);
const startMs = performance.now();
try {
  summarise(await attack({ seed, cases, kinds, onKind: printKind }));
} catch (error) {
  if (!(error instanceof ViolationError)) throw error;
  console.error(`VIOLATION (seed ${seed}, kind "${error.kind}"): ${error.message}`);
  console.error('The cases since the last control, the last one last:');
  for (const bytes of error.cases) console.error(`  ${bytes}`);
  process.exitCode = 1;
}

function printKind({ kind, cases, outcomes }: KindReport): void {
  const shares = [...outcomes].sort(([, a], [, b]) => b - a);
  const shown = shares.map(([outcome, count]) => `${outcome} ${count}`).join(', ');
  console.log(`${kind.padEnd(28)} ${String(cases).padStart(6)}  ${shown}`);
}

function summarise(report: AttackReport): void {
  const MB = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  console.log(
    `${cases} cases in ${seconds} s; ${report.controls} controls, all right; ` +
      `memory ${MB(report.quietBytes)} before, ${MB(report.peakBytes)} at most, ` +
      `${MB(report.endBytes)} after; ${report.openFiles} files open before and after`,
  );
  const lines = new Set(report.output.split('\n').slice(2, -1));
  if (lines.size > 0) console.log(`The server has printed:\n${[...lines].slice(0, 20).join('\n')}`);
}
