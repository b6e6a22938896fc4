import path from 'node:path';
import { parseArgs } from 'node:util';
import { type SectionName, sectionNames } from './sections/section-names.js';

/** What a run of the benchmark can be told. */
export interface BenchOptions {
  /** The parts to run, in the order of `sectionNames`. */
  readonly only: readonly SectionName[];
  /** Less data and two rounds: whether everything works, not how fast it is. */
  readonly quick: boolean;
  /** How often each contender has its turn. */
  readonly rounds: number;
  /** How long each load of unary calls is measured. */
  readonly seconds: number;
  /** Batches of 8 uploads at once in the memory section. */
  readonly batches: number;
  /** Where the data is kept for the next run; undefined: a temporary folder, removed at exit. */
  readonly workDir: string | undefined;
  /** The Python that makes the virtual environments. */
  readonly python: string;
  /** Print the tables, but leave results/ and the README as they are. */
  readonly printOnly: boolean;
}

export const usage = `usage: pnpm bench [--only <sections>] [--quick] [--rounds 5] [--work-dir <folder>] [--print-only]
  --only <sections>    with commas between: ${sectionNames.join(',')}
  --quick              little data, 2 rounds: does it work? Leaves results/ and the README as they are
  --rounds <n>         how often each contender has its turn (1 to 100; default 5)
  --seconds <n>        how long each load of unary calls is measured (1 to 100; default 3)
  --batches <n>        batches of 8 uploads at once in the memory section (1 to 1000; default 400)
  --work-dir <folder>  keep generated data there for the next run, and with --quick or
                       --print-only the results; default: a temporary folder
  --python <path>      the Python, 3.11 or newer, that makes the virtual environments (default python3)
  --print-only         leave results/ and the README as they are`;

/** Thrown for a command line that says something which cannot be done. */
export class UsageError extends Error {
  constructor(reason: string) {
    super(`${reason}\n${usage}`);
  }
}

function count(name: string, text: string, max: number): number {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 1 || n > max) {
    throw new UsageError(`--${name} must be a whole number from 1 to ${max}, not "${text}".`);
  }
  return n;
}

// pnpm runs the script in the package's folder; INIT_CWD is where the user stood.
const userPath = (text: string) => path.resolve(process.env.INIT_CWD ?? process.cwd(), text);

function sectionsOf(list: string): readonly SectionName[] {
  const wanted = list.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !sectionNames.includes(name as SectionName));
  if (unknown !== undefined) {
    throw new UsageError(`--only knows ${sectionNames.join(', ')}, but not "${unknown}".`);
  }
  return sectionNames.filter((name) => wanted.includes(name));
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      // `pnpm bench -- --quick` hands the dashes on.
      args: argv.filter((arg) => arg !== '--'),
      options: {
        only: { type: 'string', default: sectionNames.join(',') },
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        batches: { type: 'string' },
        'work-dir': { type: 'string' },
        python: { type: 'string', default: 'python3' },
        'print-only': { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Reads the command line; throws a UsageError, with one sentence, if it is wrong. */
export function readOptions(argv: readonly string[]): BenchOptions {
  const values = parse(argv);
  const { quick } = values;
  const workDir = values['work-dir'];
  return {
    only: sectionsOf(values.only),
    quick,
    rounds: count('rounds', values.rounds ?? (quick ? '2' : '5'), 100),
    seconds: count('seconds', values.seconds ?? (quick ? '1' : '3'), 100),
    batches: count('batches', values.batches ?? (quick ? '10' : '400'), 1000),
    workDir: workDir === undefined ? undefined : userPath(workDir),
    python: values.python.includes('/') ? userPath(values.python) : values.python,
    printOnly: values['print-only'] || quick,
  };
}
