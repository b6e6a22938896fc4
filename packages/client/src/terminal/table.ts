import stringWidth from 'string-width';
import { printable } from './text.js';

/** A column of a table on the terminal. */
export interface ShownColumn {
  readonly title: string;
  /** Numbers stand at the right, and are never cut. */
  readonly isNumber?: boolean;
}

type Row = readonly string[];

const gap = '  ';
const textWidthMin = 6;
/** Rows whose widths are known before the first one is printed: a list may have millions. */
const rowsAtOnce = 1000;

const columnsOfTerminal = () => process.stdout.columns ?? Number.POSITIVE_INFINITY;

/** Prints rows under their titles, as wide as the terminal at most. */
export async function printTable(
  columns: readonly ShownColumn[],
  rows: AsyncIterable<Row> | Iterable<Row>,
): Promise<void> {
  let widths: readonly number[] | undefined;
  let waiting: Row[] = [];
  const print = () => {
    const shown = waiting.map((row) => row.map(printable));
    if (widths === undefined) {
      const titles = columns.map(({ title }) => title);
      widths = fittingWidths(columns, [titles, ...shown], columnsOfTerminal());
      console.log(line(columns, titles, widths));
    }
    for (const row of shown) console.log(line(columns, row, widths));
    waiting = [];
  };
  for await (const row of rows) {
    waiting.push(row);
    if (waiting.length === rowsAtOnce) print();
  }
  if (waiting.length > 0 || widths === undefined) print();
}

/** The width of each column; the widest texts are cut until all fit, if they can. */
export function fittingWidths(
  columns: readonly ShownColumn[],
  rows: readonly Row[],
  widthMax: number,
): number[] {
  const widths = columns.map((_, i) => Math.max(...rows.map((row) => stringWidth(row[i] ?? ''))));
  const room = widthMax - gap.length * (columns.length - 1);
  for (;;) {
    const over = widths.reduce((sum, width) => sum + width, 0) - room;
    const texts = widths.filter((width, i) => !columns[i]?.isNumber && width > textWidthMin);
    if (over <= 0 || texts.length === 0) return widths;
    const widest = Math.max(...texts);
    const at = widths.findIndex((width, i) => width === widest && !columns[i]?.isNumber);
    widths[at] = widest - 1;
  }
}

function line(columns: readonly ShownColumn[], row: Row, widths: readonly number[]): string {
  const cells = columns.map(({ isNumber }, i) => {
    const text = isNumber ? (row[i] ?? '') : cut(row[i] ?? '', widths[i] ?? 0);
    const space = ' '.repeat(Math.max(0, (widths[i] ?? 0) - stringWidth(text)));
    return isNumber ? space + text : text + space;
  });
  return cells.join(gap).trimEnd();
}

function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (stringWidth(kept + segment) >= width) break;
    kept += segment;
  }
  return `${kept}…`;
}
