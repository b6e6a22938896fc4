/** A line or a set of points of a chart. */
export interface Series {
  readonly name: string;
  /** Its colour: `--series-1` and so on in the page's style. */
  readonly color: 1 | 2 | 3;
  readonly points: readonly Point[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
  /** What is shown when the pointer is on it. */
  readonly label: string;
}

/** How numbers become places on an axis. */
export interface Axis {
  readonly title: string;
  readonly min: number;
  readonly max: number;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
  readonly isLog?: boolean;
}

const width = 720;
const height = 280;
const margin = { left: 84, right: 30, top: 12, bottom: 44 };
const right = width - margin.right;
const bottom = height - margin.bottom;

/** Text as it stands in HTML. */
export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** A chart of lines, as SVG. */
export function lineChart(title: string, x: Axis, y: Axis, series: readonly Series[]): string {
  const lines = series.map(({ color, points }) => {
    const places = points.map(
      (point) =>
        `${place(point.x, x, margin.left, right)},${place(point.y, y, bottom, margin.top)}`,
    );
    const dots = points.map((point, i) => dot(places[i] ?? '', color, point.label));
    return `<polyline class="line s${color}" points="${places.join(' ')}"/>${dots.join('')}`;
  });
  return svg(title, axes(x, y) + lines.join('')) + legend(series);
}

/** A chart of bars side by side, one group for each point, as SVG. The x of points count from 0. */
export function barChart(title: string, x: Axis, y: Axis, series: readonly Series[]): string {
  const groups = x.max - x.min;
  const groupWidth = (right - margin.left) / groups;
  const barWidth = (groupWidth * 0.8) / series.length;
  const bars = series.flatMap(({ color, points }, nth) =>
    points.map((point) => {
      const top = place(point.y, y, bottom, margin.top);
      const left = margin.left + point.x * groupWidth + groupWidth * 0.1 + nth * barWidth;
      const size = `x="${round(left)}" y="${top}" width="${round(barWidth)}" height="${round(bottom - top)}"`;
      return `<rect class="bar s${color}" ${size}>${tip(point.label)}</rect>`;
    }),
  );
  return svg(title, axes(x, y) + bars.join('')) + legend(series);
}

/** A linear axis from 0 whose ticks are round numbers; it ends at the last tick, or where it is told. */
export function axisFromZero(
  title: string,
  highest: number,
  text: (n: number) => string,
  end?: number,
): Axis {
  const rough = Math.max(highest, 1e-9) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const count = end === undefined ? Math.ceil(highest / step) : Math.floor(end / step);
  const ticks = Array.from({ length: count + 1 }, (_, i) => ({
    at: i * step,
    text: text(i * step),
  }));
  return { title, min: 0, max: end ?? Math.max(1, count) * step, ticks };
}

/** A logarithmic axis of whole powers of ten around the values. */
export function logAxis(
  title: string,
  lowest: number,
  highest: number,
  text: (n: number) => string,
): Axis {
  const first = Math.floor(Math.log10(lowest));
  const last = Math.max(first + 1, Math.ceil(Math.log10(highest)));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => {
    const at = 10 ** (first + i);
    return { at, text: text(at) };
  });
  return { title, min: 10 ** first, max: 10 ** last, ticks, isLog: true };
}

const round = (n: number) => Math.round(n * 10) / 10;

function place(value: number, { min, max, isLog }: Axis, from: number, to: number): number {
  const share = isLog ? Math.log(value / min) / Math.log(max / min) : (value - min) / (max - min);
  return round(from + share * (to - from));
}

function axes(x: Axis, y: Axis): string {
  const xTicks = x.ticks.map(({ at, text }) => {
    const left = place(at, x, margin.left, right);
    return `<text class="tick" x="${left}" y="${bottom + 16}" text-anchor="middle">${escaped(text)}</text>`;
  });
  const yTicks = y.ticks.map(({ at, text }) => {
    const top = place(at, y, bottom, margin.top);
    const grid = `<line class="grid" x1="${margin.left}" x2="${right}" y1="${top}" y2="${top}"/>`;
    return `${grid}<text class="tick" x="${margin.left - 8}" y="${top + 4}" text-anchor="end">${escaped(text)}</text>`;
  });
  const middle = (margin.top + bottom) / 2;
  const titles =
    `<text class="axis" x="${(margin.left + right) / 2}" y="${height - 6}" text-anchor="middle">${escaped(x.title)}</text>` +
    `<text class="axis" x="14" y="${middle}" text-anchor="middle" transform="rotate(-90 14 ${middle})">${escaped(y.title)}</text>`;
  return yTicks.join('') + xTicks.join('') + titles;
}

const tip = (label: string) => `<title>${escaped(label)}</title>`;

function dot(at: string, color: number, label: string): string {
  const [x, y] = at.split(',');
  return `<circle class="dot s${color}" cx="${x}" cy="${y}" r="3">${tip(label)}</circle>`;
}

const svg = (title: string, content: string) =>
  `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">${content}</svg>`;

function legend(series: readonly Series[]): string {
  if (series.length === 1) return '';
  const keys = series.map(
    ({ name, color }) => `<span class="key"><i class="s${color}"></i>${escaped(name)}</span>`,
  );
  return `<p class="legend">${keys.join('')}</p>`;
}
