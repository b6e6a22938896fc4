// What Tally's first requests and its unary calls cost, beside the Python reference and a server
// with @grpc/grpc-js alone:
//
//   node dist/latency/main.js --python <path> [--rounds 5] [--seconds 4] [--json <file>] [-- <flags for Tally>]

import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { describeMachine, loadAverage } from '../machine.js';
import { formatSpread, spreadOf } from '../spread.js';
import { measureFirstRequests } from './first-requests.js';
import type { Samples } from './in-turn.js';
import { measureUnaryOverhead } from './unary-overhead.js';

const { values, positionals } = parseArgs({
  options: {
    python: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    json: { type: 'string' },
  },
  allowPositionals: true,
});

function wholeNumber(flag: string, text: string): number {
  const n = Number(text);
  if (Number.isSafeInteger(n) && n >= 1 && n <= 1000) return n;
  console.error(`--${flag} must be a whole number from 1 to 1,000, not "${text}".`);
  process.exit(2);
}

/** A row for each measure: both contenders, and the ratio within each round. */
function rows<Sample extends object>(
  samples: Samples<string, Sample>,
  mine: string,
  peer: string,
): string[] {
  const own = samples[mine] ?? [];
  const others = samples[peer] ?? [];
  const names = Object.keys(own[0] ?? {}) as (keyof Sample & string)[];
  return names.map((name) => {
    const of = (rounds: readonly Sample[]) => rounds.map((round) => Number(round[name]));
    const theirs = of(others);
    const ratios = of(own).map((value, round) => value / (theirs[round] ?? Number.NaN));
    const medians = spreadOf(of(own)).median / spreadOf(theirs).median;
    const cells = [of(own), theirs, ratios].map((all) => formatSpread(spreadOf(all)));
    return `| ${name} | ${cells[0]} | ${cells[1]} | ${medians.toFixed(2)} | ${cells[2]} |`;
  });
}

function head(peer: string): string[] {
  return [
    `| | Tally | ${peer} | ratio of medians | ratio within a round |`,
    '|---|---|---|---|---|',
  ];
}

const rounds = wholeNumber('rounds', values.rounds);
const seconds = wholeNumber('seconds', values.seconds);
const loadBefore = loadAverage();
const firstRequests =
  values.python === undefined
    ? undefined
    : await measureFirstRequests({ python: values.python, rounds, tallyFlags: positionals });
const unaryOverhead = await measureUnaryOverhead({ rounds, seconds, tallyFlags: positionals });
const result = {
  machine: describeMachine(),
  loadBefore,
  loadAfter: loadAverage(),
  rounds,
  seconds,
  firstRequests,
  unaryOverhead,
};

const lines = [
  `${result.machine}. Rounds: ${rounds}. Load average ${loadBefore.toFixed(1)} before, ` +
    `${result.loadAfter.toFixed(1)} after. Each cell: median (min–max) over the rounds.`,
  '',
  ...(firstRequests === undefined
    ? ['No first requests: they need --python <path>.']
    : [...head('reference --fsync'), ...rows(firstRequests, 'tally', 'reference')]),
  '',
  ...head('@grpc/grpc-js alone'),
  ...rows(unaryOverhead, 'tally', 'raw'),
];
console.log(lines.join('\n'));
const json = JSON.stringify(result, null, 2);
if (values.json === undefined) console.log(`\n${json}`);
else await writeFile(values.json, `${json}\n`);
