/** Horizontal bars in groups. */
export interface Chart {
  readonly title: string;
  readonly groups: readonly BarGroup[];
}

export interface BarGroup {
  readonly label: string;
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

const width = 880;
const left = 150;
const right = 80;
const barHeight = 15;
const labelHeight = 24;
const groupGap = 12;
const top = 44;
const bottom = 34;

// One colour for a name in every chart; names beyond these share the last.
const knownNames = ['Tally', 'DuckDB', 'polars', 'pyarrow', 'reference', 'reference --fsync'];

/** The chart as SVG; it follows the reader's light or dark background. A 0 has no length. */
export function barChart({ title, groups }: Chart): string {
  const scale = logScale(groups.flatMap(({ bars }) => bars.flatMap(({ min, max }) => [min, max])));
  let y = top;
  const body: string[] = [];
  for (const group of groups) {
    body.push(text(left, y + 16, group.label, 'group'));
    y += labelHeight;
    for (const bar of group.bars) {
      body.push(oneBar(bar, y, scale));
      y += barHeight;
    }
    y += groupGap;
  }
  const grid = scale.ticks.map((tick) => gridLine(tick, scale.x(tick), y));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + bottom}" ` +
      `viewBox="0 0 ${width} ${y + bottom}" role="img" aria-label="${escaped(title)}">`,
    style,
    `<rect class="paper" width="100%" height="100%"/>`,
    text(16, 26, title, 'title'),
    ...grid,
    ...body,
    '</svg>\n',
  ].join('\n');
}

interface LogScale {
  readonly ticks: readonly number[];
  x(value: number): number;
}

/** From the power of ten at or below the least value to the one at or above the largest. */
export function logScale(values: readonly number[]): LogScale {
  const above = values.filter((value) => value > 0);
  if (above.length === 0) above.push(1);
  const least = Math.floor(Math.log10(Math.min(...above)));
  const most = Math.max(Math.ceil(Math.log10(Math.max(...above))), least + 1);
  const ticks = Array.from({ length: most - least + 1 }, (_, i) => 10 ** (least + i));
  return {
    ticks,
    x: (value) =>
      left + (Math.max(Math.log10(value) - least, 0) / (most - least)) * (width - left - right),
  };
}

function oneBar({ name, value, min, max }: Bar, y: number, scale: LogScale): string {
  const known = knownNames.indexOf(name);
  const colour = `c${known < 0 ? knownNames.length - 1 : known}`;
  const end = scale.x(value);
  const middle = y + barHeight / 2;
  const [from, to] = [scale.x(min), scale.x(max)].map((x) => x.toFixed(1));
  return [
    text(left - 8, y + 11, name, 'name'),
    `<rect class="${colour}" x="${left}" y="${y + 1}" width="${(end - left).toFixed(1)}" height="${barHeight - 3}"/>`,
    `<path class="spread" d="M${from} ${middle}H${to}"/>`,
    text(Math.max(end, scale.x(max)) + 6, y + 11, number(value), 'value'),
  ].join('\n');
}

const gridLine = (tick: number, x: number, end: number) =>
  `<path class="grid" d="M${x.toFixed(1)} ${top - 6}V${end}"/>\n${text(x, end + 16, number(tick), 'tick')}`;

const number = (value: number) => value.toLocaleString('en-US', { maximumSignificantDigits: 3 });

const text = (x: number, y: number, content: string, kind: string) =>
  `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}">${escaped(content)}</text>`;

const escaped = (content: string) => content.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

const style = `<style>
text { font: 11px system-ui, sans-serif; fill: #24292f }
.title { font-size: 14px; font-weight: 600 }
.group { font-weight: 600 }
.name { text-anchor: end }
.tick { text-anchor: middle; fill: #57606a }
.paper { fill: #ffffff }
.grid { stroke: #d0d7de; fill: none }
.spread { stroke: #24292f; stroke-width: 1.5 }
.c0 { fill: #0969da } .c1 { fill: #d4a72c } .c2 { fill: #8250df } .c3 { fill: #2da44e } .c4 { fill: #8c959f } .c5 { fill: #57606a }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .tick { fill: #8d96a0 } .paper { fill: #0d1117 } .grid { stroke: #30363d } .spread { stroke: #e6edf3 }
}
</style>`;
