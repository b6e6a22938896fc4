import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Option } from 'commander';
import { countOption, runCommand } from '../run-options.js';
import type { Sample } from './sample.js';
import { saveReport } from './soak-report.js';
import { foldersOf, runSoak } from './soak-run.js';
import { findings, passes } from './soak-verdict.js';

const results = fileURLToPath(new URL('../../results', import.meta.url));
// pnpm runs the script in the package's folder; INIT_CWD is where the user stood.
const userPath = (text: string) => path.resolve(process.env.INIT_CWD ?? process.cwd(), text);

const command = runCommand(
  'soak',
  'A mixed load against a server within 512 MB of memory, with a kill and a restart now and then: ' +
    'memory, open files, threads and latencies over time, and whether all data is right. It needs ' +
    'Linux and the right to make a control group.',
)
  .addOption(countOption('--minutes', 'how long; at least 7 servers have their turn', 60))
  .addOption(
    new Option('--out <folder>', 'where soak.md and soak.svg go')
      .argParser(userPath)
      .default(results, 'packages/torture/results'),
  );
const { minutes, seed, out } = command.parse().opts();

// Ended by a signal, this process would leave its server behind.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const lives = foldersOf(minutes).flat();
console.log(
  `${minutes} minutes, ${lives.length} lives of up to ${Math.max(...lives).toFixed(1)}, seed ${seed}`,
);
const samplesPerLine = 20;
let samples = 0;
const record = await runSoak({
  minutes,
  seed,
  onSample(sample) {
    if (samples++ % samplesPerLine === 0) console.log(lineOf(sample));
  },
});
const all = findings(record);
console.log(`\n${await saveReport(out, record, all)}`);
if (!passes(all)) process.exitCode = 1;

function lineOf({ minutes, anonymousMB, openFiles, threads, latencies }: Sample): string {
  return (
    `${minutes.toFixed(1)} min: ${anonymousMB.toFixed(0)} MB anonymous, ${openFiles} open files, ` +
    `${threads} threads, p99 of SetNum ${latencies.SetNum?.p99.toFixed(1)} ms`
  );
}
