import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { countOption, runCommand } from '../run-options.js';
import { addUp, type Counts } from './counts.js';
import { pythonWithPyarrow } from './python-environment.js';
import { problems, progressLine, report } from './report.js';
import type { ShareOptions } from './share.js';
import type { ShareMessage } from './share-process.js';

const command = runCommand(
  'hostile-csv',
  'Gives hostile CSV files to Tally, DuckDB and pyarrow, and compares what they make of them.',
)
  .addOption(countOption('--inputs', 'files that are compared', 1_000_000))
  .addOption(countOption('--processes', 'processes that share the work', 2))
  .option('--python <program>', 'makes the virtual environment that pyarrow runs in', 'python3')
  .parse();
const options = command.opts<{
  seed: number;
  inputs: number;
  processes: number;
  python: string;
}>();

/** One of so many compared files goes through a server too. */
const inputsPerServerInput = 200;
const progressMs = 30_000;

const python = pythonWithPyarrow(options.python);
console.log(`hostile-csv: ${options.inputs.toLocaleString('en-US')} inputs, seed ${options.seed}`);
const startMs = performance.now();
const soFar = new Map<number, Counts>();
const seconds = () => (performance.now() - startMs) / 1000;
const progress = setInterval(
  () => console.error(progressLine(addUp([...soFar.values()]), options.inputs, seconds())),
  progressMs,
);
process.once('SIGINT', () => {
  console.log(report(addUp([...soFar.values()]), seconds()));
  process.exit(130);
});
const shares = await Promise.all(
  Array.from({ length: options.processes }, (_, share) =>
    runInProcess({
      seed: options.seed,
      inputs: options.inputs,
      share,
      shares: options.processes,
      python,
      inputsPerServerInput,
    }),
  ),
);
clearInterval(progress);
const counts = addUp(shares);
console.log(report(counts, seconds()));
const wrong = problems(counts, options.inputs);
for (const problem of wrong) console.log(`FAILED: ${problem}`);
process.exitCode = wrong.length === 0 ? 0 : 1;

function runInProcess(share: ShareOptions): Promise<Counts> {
  const child = fork(fileURLToPath(new URL('./share-process.js', import.meta.url)));
  return new Promise((resolve, reject) => {
    child.on('message', ({ counts, isDone }: ShareMessage) => {
      soFar.set(share.share, counts);
      if (isDone) resolve(counts);
    });
    child.once('exit', (code, signal) =>
      reject(new Error(`process ${share.share} has ended too early (${signal ?? code})`)),
    );
    child.send(share);
  });
}
