import type { Choices } from './choices.js';
import { columnMaker, word } from './values.js';

/** How the fields and lines of a file are written. */
interface Writing {
  readonly lineEnd: () => string;
  readonly field: (value: string | undefined) => string;
}

/** Rows of a file that is longer than the pieces in which files are read. */
const longFileRows = 15_000;

/** A CSV file made from nothing: mostly right, sometimes with one thing wrong. */
export function generatedFile(choices: Choices): Buffer {
  const { chance, oneOf } = choices;
  const { columns, rows } = sizeOf(choices);
  const writing = createWriting(choices, columns);
  const makers = Array.from({ length: columns }, () => columnMaker(choices));
  const lines = [columnNames(choices, columns).map(writing.field)];
  for (let row = 0; row < rows; row++) lines.push(makers.map((make) => writing.field(make())));
  if (chance(20)) makeRagged(choices, lines);
  const bytes = Buffer.from(joined(choices, lines, writing.lineEnd));
  if (chance(10)) return withBrokenUtf8(choices, bytes);
  return chance(3) ? Buffer.from(oneOf(['', '\n', '\r\n\r\n', '\ufeff'])) : bytes;
}

function sizeOf({ chance, between }: Choices): { columns: number; rows: number } {
  const columns = chance(200) ? 1 : chance(40) ? between(7, 60) : between(2, 6);
  if (columns < 7 && chance(1) && chance(400)) return { columns, rows: longFileRows };
  if (chance(30)) return { columns, rows: 0 };
  return { columns, rows: chance(50) ? between(13, 120) : between(1, 12) };
}

/** Joins lines, now and then with a byte order mark, blank lines, or without the last line end. */
function joined(
  { chance }: Choices,
  lines: readonly (readonly string[])[],
  lineEnd: () => string,
): string {
  const blankLinesPerThousand = chance(40) ? 300 : 0;
  const columns = lines[0]?.length ?? 0;
  let csv = chance(100) ? '\ufeff' : '';
  if (columns > 1 && chance(10)) csv += lineEnd();
  for (const [index, line] of lines.entries()) {
    const isLast = index === lines.length - 1;
    csv += line.join();
    // Behind a comma, or where nothing follows the header, pyarrow needs the line end.
    const isEndNeeded = lines.length === 1 || line.at(-1) === '';
    if (isLast && chance(isEndNeeded ? 20 : 300)) break;
    csv += lineEnd();
    if (chance(blankLinesPerThousand)) csv += lineEnd();
  }
  return csv;
}

const knownNames = ['x', 'id', 'Date', 'date', 'a b', 'price (€)', 'é', 'éa', '日本', 'x.y', 'a,b'];
const oddNames = [
  '',
  ' ',
  'say "hi"',
  'two\nlines',
  '1',
  '-',
  'x__long',
  'tally_no_values',
  'column_2',
];

function columnNames(choices: Choices, count: number): string[] {
  const { chance, oneOf } = choices;
  const names = new Set<string>();
  while (names.size < count) {
    names.add(chance(600) ? word(choices) : chance(600) ? oneOf(knownNames) : oneOf(oddNames));
    // Alone it would be a blank line.
    if (count === 1 && !chance(5)) names.delete('');
  }
  const list = [...names];
  if (count > 1 && chance(1)) list[0] = list[1] ?? '';
  return list;
}

function createWriting(choices: Choices, columns: number): Writing {
  const { chance, oneOf } = choices;
  const isMixed = chance(1);
  const ends = chance(550) ? '\n' : chance(800) ? '\r\n' : '\r';
  const lineEnd = isMixed ? () => oneOf(['\n', '\r\n', '\r']) : () => ends;
  const quotedPerThousand = oneOf([0, 0, 0, 50, 300, 1000]);
  const hasOneKindOfEnds = !isMixed && !chance(5);
  const mustBeQuoted = (value: string) =>
    /[,\r\n]/.test(value) || value.startsWith('"') || /^\s+"/.test(value);
  return {
    lineEnd,
    field(given) {
      if (given === undefined) return '';
      const value = hasOneKindOfEnds ? given.replace(/\r\n|\n|\r/g, ends) : given;
      const isQuoted = value === '' ? columns > 1 && chance(500) : chance(quotedPerThousand);
      if (!isQuoted && !mustBeQuoted(value)) return value;
      return `"${value.replaceAll('"', '""')}"`;
    },
  };
}

/** Takes a field from a row, or adds one. */
function makeRagged({ below, chance }: Choices, lines: string[][]): void {
  const line = lines[below(lines.length)];
  if (line === undefined || lines.length < 2) return;
  if (chance(500) && line.length > 2) line.pop();
  else line.push(chance(50) ? '' : '1');
}

const brokenUtf8 = [
  ...['ff', 'c3', '80', 'c180', 'f09f', 'e282', 'e28228', 'e09fbf', 'eda080', 'f08fbfbf'],
  'f4908080',
];

function withBrokenUtf8({ below, oneOf }: Choices, bytes: Buffer): Buffer {
  const at = below(bytes.length + 1);
  const broken = Buffer.from(oneOf(brokenUtf8), 'hex');
  return Buffer.concat([bytes.subarray(0, at), broken, bytes.subarray(at)]);
}

/** A file that is past one of the limits, or just within it. */
export function fileBeyondLimits({ between, oneOf }: Choices): Buffer {
  const beyond = between(0, 1);
  const columns = Array.from({ length: 500 + beyond }, (_, i) => `c${i}`).join();
  const longName = 'n'.repeat(1024 + beyond);
  const longField = 'f'.repeat(1024 * 1024 + beyond);
  const longRow = Array(17 + beyond)
    .fill('f'.repeat(1024 * 1024 - 64 * 1024))
    .join();
  return Buffer.from(
    oneOf([
      `${columns}\n${columns}`,
      `a,${longName}\n1,2`,
      `a,b\n1,${longField}\n`,
      `a,b\n1,"${longField}"\n`,
      `${longRow.replace(/f+/g, () => `x${between(0, 2 ** 40)}`)}\n${longRow}\n`,
    ]),
  );
}
