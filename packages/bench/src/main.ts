import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { BenchRun } from './bench-run.js';
import { scratchFolder } from './clean-up.js';
import { describeMachine, loadAverage } from './machine.js';
import { type BenchOptions, readOptions, UsageError, usage } from './options.js';
import { LineUp } from './peers/line-up.js';
import { pythonOf } from './python-environments.js';
import type { SectionResult } from './report/comparison.js';
import { type MeasuredSection, resultsTable } from './report/results-table.js';
import { saveSection, showInReadme } from './report/save-results.js';
import { aggregates } from './sections/aggregates.js';
import { baseline } from './sections/baseline.js';
import { batches } from './sections/batches.js';
import { cache } from './sections/cache.js';
import { columnSums } from './sections/column-sums.js';
import { firstRequests } from './sections/first-requests.js';
import { largeStream } from './sections/large-stream.js';
import { manyChunks } from './sections/many-chunks.js';
import { memory } from './sections/memory.js';
import { operation } from './sections/operation.js';
import { overload } from './sections/overload.js';
import { scaling } from './sections/scaling.js';
import type { SectionName } from './sections/section-names.js';
import { stream } from './sections/stream.js';
import { unary } from './sections/unary.js';
import { upload } from './sections/upload.js';

const sections: Readonly<Record<SectionName, (run: BenchRun) => Promise<SectionResult>>> = {
  'first-requests': firstRequests,
  unary,
  operation,
  batches,
  'parquet-sum': (run) => columnSums(run, 'parquet'),
  'csv-sum': (run) => columnSums(run, 'csv'),
  aggregates,
  cache,
  scaling,
  'many-chunks': manyChunks,
  upload,
  stream,
  'large-stream': largeStream,
  memory,
  overload,
  baseline,
};

async function measured(name: SectionName, run: BenchRun): Promise<MeasuredSection> {
  // What the sections before have written must not be on its way to the disk while this one runs.
  execFileSync('sync');
  const versions = await run.lineUp().versions();
  const loadBefore = loadAverage();
  const result = await sections[name](run);
  return {
    measuredAt: new Date().toISOString(),
    machine: describeMachine(),
    versions,
    loadBefore,
    loadAfter: loadAverage(),
    rounds: run.options.rounds,
    ...result,
  };
}

function options(): BenchOptions {
  if (process.argv.includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}

async function main(options: BenchOptions): Promise<void> {
  const workFolder = options.workDir ?? scratchFolder().path;
  await mkdir(workFolder, { recursive: true });
  const peersPython = () => pythonOf('peers', options.python);
  let lineUp: LineUp | undefined;
  const run: BenchRun = {
    options,
    workFolder,
    peersPython,
    lineUp: () => {
      lineUp ??= new LineUp(peersPython());
      return lineUp;
    },
    referencePython: () => pythonOf('reference', options.python),
  };
  for (const name of options.only) {
    console.log(`\n== ${name} ==`);
    const started = performance.now();
    try {
      const section = await measured(name, run);
      console.log(`\n${resultsTable(section)}\n`);
      if (options.printOnly) {
        await saveSection(name, section, path.join(workFolder, 'results'));
      } else {
        await saveSection(name, section);
        await showInReadme(name, section);
      }
    } catch (error) {
      // The other sections are worth having without this one.
      process.exitCode = 1;
      console.error(`${name} failed: ${error instanceof Error ? error.message : error}`);
    }
    console.log(`${name} took ${Math.round((performance.now() - started) / 1000)} s`);
  }
}

await main(options());
// Child processes that still live are ended by clean-up.ts.
process.exit();
