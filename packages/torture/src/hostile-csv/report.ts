import type { Counts } from './counts.js';
import { crash } from './judge.js';

/** Compared inputs that may differ in a known way. */
const differingPercentMax = 1;

const whole = (n: number) => n.toLocaleString('en-US', { maximumFractionDigits: 0 });
const percent = (part: number, all: number) => `${((100 * part) / Math.max(1, all)).toFixed(2)} %`;

export function progressLine(counts: Counts, inputs: number, seconds: number): string {
  const done = counts.compared + counts.damaged;
  return (
    `${whole(counts.compared)} of ${whole(inputs)} compared, ${whole(done / seconds)} inputs/s, ` +
    `${percent(counts.differing, counts.compared)} differ in known ways, ` +
    `${counts.failures.length} failures`
  );
}

/** How many inputs were looked at in which way, and what came out. */
export function report(counts: Counts, seconds: number): string {
  const { compared, damaged, peers } = counts;
  const all = compared + damaged;
  const crashes = counts.failures.filter(({ what }) => what.startsWith(crash));
  const lines = [
    `${whole(all)} inputs in ${whole(seconds)} s: ${whole(all / seconds)} a second`,
    `${whole(compared)} (${percent(compared, all)}) compared, cell by cell, each with ${peers.join(' and ')}:`,
    `  ${whole(counts.readByAll)} read alike by all`,
    `  ${whole(counts.refusedByAll)} refused by all`,
    `  ${whole(counts.differing)} (${percent(counts.differing, compared)}) differ in known ways:`,
    ...Object.entries(counts.known).map(([reason, n]) => `    ${whole(n).padStart(7)}  ${reason}`),
    `  ${whole(counts.sums)} sums of integers: Tally's from CSV, from Parquet, and a peer's`,
    `  ${whole(counts.throughServer)} through a server too, in one message and streamed`,
    `${whole(damaged)} damaged ones given to Tally alone: ${whole(counts.damagedRead)} kept with the ` +
      'same sums in both formats, the others refused with a line, and nothing kept',
    `${crashes.length} crashes, ${counts.failures.length - crashes.length} other failures`,
    ...counts.failures.map(
      ({ input, what, shrunk }) => `  ${input}: ${what}\n    shrunk: ${shrunk}`,
    ),
  ];
  return lines.join('\n');
}

/** Why a run has failed, as sentences. */
export function problems(counts: Counts, inputs: number): string[] {
  const found = counts.failures.length === 0 ? [] : [`${counts.failures.length} inputs`];
  if (counts.compared < inputs) {
    found.push(`${whole(counts.compared)} of ${whole(inputs)} inputs were compared`);
  }
  const differing = percent(counts.differing, counts.compared);
  if (counts.differing * 100 >= counts.compared * differingPercentMax) {
    found.push(`${differing} of the inputs differ in known ways: less than 1 % may`);
  }
  return found;
}
