import path from 'node:path';
import { parseArgs } from 'node:util';

/** What a run of the benchmark can be told. */
export interface BenchOptions {
  readonly rounds: number;
  /** Chunks of 250,000 rows that are uploaded and summed. */
  readonly chunks: number;
  /** How long each load of unary calls is measured. */
  readonly seconds: number;
  /** A Python with the packages of examples/python/requirements.txt. */
  readonly python: string;
  /** Print the table, but leave results/ and the README as they are. */
  readonly printOnly: boolean;
}

const usage = `usage: pnpm --filter bench bench --python <path> [--rounds 5] [--chunks 40] [--seconds 3] [--print-only]
  --python <path>  a Python with the packages of examples/python/requirements.txt
  --rounds <n>     how often each server has its turn
  --chunks <n>     chunks of 250,000 rows to upload and sum
  --seconds <n>    how long each load of unary calls is measured
  --print-only     leave results/ and the README as they are`;

function fail(reason: string): never {
  console.error(`${reason}\n${usage}`);
  process.exit(2);
}

function count(name: string, text: string): number {
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 1 || n > 1000) {
    fail(`--${name} must be a whole number from 1 to 1,000, not "${text}".`);
  }
  return n;
}

// pnpm runs the script in the package's folder; INIT_CWD is where the user stood.
const userPath = (text: string) =>
  text.includes('/') ? path.resolve(process.env.INIT_CWD ?? process.cwd(), text) : text;

function parse(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        python: { type: 'string' },
        rounds: { type: 'string', default: '5' },
        chunks: { type: 'string', default: '40' },
        seconds: { type: 'string', default: '3' },
        'print-only': { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

/** Reads the command line; ends the process with code 2 and one sentence if it is wrong. */
export function readOptions(argv: readonly string[]): BenchOptions {
  const values = parse(argv);
  if (values.python === undefined) fail('--python is needed to run the reference server.');
  return {
    rounds: count('rounds', values.rounds),
    chunks: count('chunks', values.chunks),
    seconds: count('seconds', values.seconds),
    python: userPath(values.python),
    printOnly: values['print-only'],
  };
}
