import { Option } from 'commander';
import { countOption, runCommand } from '../run-options.js';
import { KillRunFailure, runKills } from './kill-run.js';

const command = runCommand(
  'kill',
  'Kills a server under load with SIGKILL, also while it starts, restarts it on the same data, and ' +
    'checks that every acknowledged write is there and every chunk as a whole or not at all.',
)
  .addOption(countOption('--cycles', 'kills, each with a restart and a check', 1000))
  .addOption(
    new Option('--durability <level>', "the server's: a kill must lose nothing with either")
      .choices(['fsync', 'os'])
      .default('fsync'),
  )
  .addHelpText(
    'after',
    '\nThe same seed makes the same calls, and kills so many ms after the same things: the start of a ' +
      'load,\nan acknowledged upload, the start of a server. What a server is doing at that instant is ' +
      'up to\nthe scheduling of the operating system.',
  );
const { cycles, seed, durability } = command.parse().opts();

console.log(`${cycles} cycles with --durability ${durability}, seed ${seed}`);
// Ended by a signal, this process would leave its server behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const isTerminal = process.stdout.isTTY;
const cyclesPerLine = 50;
try {
  const counts = await runKills({
    cycles,
    seed,
    durability,
    onCycle(counts) {
      if (isTerminal) process.stdout.write(`\r\x1b[K${counts.progress()}`);
      else if (counts.cycles % cyclesPerLine === 0) console.log(counts.progress());
    },
  });
  console.log(`${isTerminal ? '\n' : ''}${counts.summary()}`);
} catch (error) {
  if (!(error instanceof KillRunFailure)) throw error;
  console.error(`${isTerminal ? '\n' : ''}${error.message}`);
  process.exitCode = 1;
}
