import type { Problem, Report } from '@tally/server/verify';

const whole = (n: number) => n.toLocaleString('en-US', { maximumFractionDigits: 0 });
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
const counted = (n: number, what: string) => `${whole(n)} ${what}${n === 1 ? '' : 's'}`;

/** The report as one JSON document. */
export function jsonReport(report: Report): string {
  return JSON.stringify({ ...report, megabytesPerSecond: rate(report) }, null, 2);
}

/** The report as sentences: what was checked, then each problem. */
export function textReport(report: Report): string {
  return [...checkedLines(report), ...problemLines(report)].join('\n');
}

const rate = ({ checked, seconds }: Report) => Number(megabytes(checked.bytes / seconds));

function checkedLines(report: Report): string[] {
  const { dataDir, checked, seconds } = report;
  const lines = [
    `Checked ${dataDir} in ${seconds.toFixed(1)} s:`,
    `  ${counted(checked.chunks, 'chunk')} of ${counted(checked.commits, 'commit')}: ` +
      `${counted(checked.files, 'file')}, ${counted(checked.rows, 'row')}, ` +
      `${megabytes(checked.bytes)} MB (${rate(report)} MB/s)`,
    `  ${counted(checked.columnSums, 'sum')} of integer columns, from CSV and from Parquet`,
    `  ${counted(checked.indexEntries, 'column')} of chunks in the index`,
    `  ${counted(checked.numbers, 'number')}, and their total`,
  ];
  const { chunksWithoutChecksums: without } = checked;
  if (without > 0) {
    lines.push(
      `  The log has no checksums of ${counted(without, 'chunk')}, which an earlier version of ` +
        'Tally has kept: there, only what the files say of each other was compared.',
    );
  }
  return lines;
}

function problemLines({ problems, problemsLeftOut, repaired, quarantine }: Report): string[] {
  const count = problems.length + problemsLeftOut;
  if (count === 0) return ['All is well.'];
  const lines = [`${counted(count, 'problem')}:`, ...problems.map(problemLine)];
  if (problemsLeftOut > 0) lines.push(`  and ${whole(problemsLeftOut)} more, not listed`);
  if (quarantine !== undefined) {
    lines.push(`${whole(repaired)} of them repaired: moved to ${quarantine}, with a list of why.`);
  }
  return lines;
}

function problemLine({ file, what, toDo, movedTo }: Problem): string {
  return movedTo === undefined
    ? `  ${file} ${what}: ${toDo}.`
    : `  ${file} ${what}: moved to ${movedTo}.`;
}
