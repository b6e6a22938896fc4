/** Lines over time, in panels one below the other. */
export interface LineChart {
  readonly title: string;
  readonly xUnit: string;
  readonly panels: readonly Panel[];
  /** Instants that are marked in every panel. */
  readonly marks: readonly number[];
}

export interface Panel {
  readonly label: string;
  readonly lines: readonly Line[];
}

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const width = 880;
const left = 60;
const right = 20;
const top = 44;
const panelHeight = 130;
const panelLabelHeight = 22;
const panelGap = 18;
const bottom = 24;
const yTicks = 4;
const xTicks = 10;

/** The chart as SVG; it follows the reader's light or dark background. */
export function lineChart({ title, xUnit, panels, marks }: LineChart): string {
  const all = panels.flatMap(({ lines }) => lines.flatMap(({ points }) => points));
  const xMax = Math.max(1e-9, ...all.map(([x]) => x));
  const x = (value: number) => left + (value / xMax) * (width - left - right);
  const panelStep = panelLabelHeight + panelHeight + panelGap;
  const height = top + panels.length * panelStep + bottom;
  const xStep = niceStep(xMax / xTicks);
  const xLabels = multiples(xStep, xMax).map((tick) =>
    text(x(tick), height - bottom, `${number(tick)} ${xUnit}`, 'tick middle'),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
      `viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">`,
    style,
    '<rect class="paper" width="100%" height="100%"/>',
    text(16, 26, title, 'title'),
    ...panels.map((panel, i) => onePanel(panel, top + i * panelStep, x, marks)),
    ...xLabels,
    '</svg>\n',
  ].join('\n');
}

function onePanel(
  { label, lines }: Panel,
  y0: number,
  x: (value: number) => number,
  marks: readonly number[],
): string {
  const yMax = Math.max(1e-9, ...lines.flatMap(({ points }) => points.map(([, value]) => value)));
  const base = y0 + panelLabelHeight + panelHeight;
  const step = niceStep(yMax / yTicks);
  const y = (value: number) => base - (value / (Math.ceil(yMax / step) * step)) * panelHeight;
  const grid = multiples(step, Math.ceil(yMax / step) * step).map(
    (tick) =>
      `<path class="grid" d="M${left} ${y(tick).toFixed(1)}H${width - right}"/>\n` +
      text(left - 6, y(tick) + 4, number(tick), 'tick end'),
  );
  const marked = marks.map(
    (at) => `<path class="mark" d="M${x(at).toFixed(1)} ${base - panelHeight}V${base}"/>`,
  );
  const drawn = lines.map(({ points }, i) => {
    const places = points.map(([at, value]) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`);
    return `<path class="line l${i}" d="M${places.join('L')}"/>`;
  });
  let keyX = left + 220;
  const key = lines.map(({ name }, i) => {
    const at = keyX;
    keyX += 40 + name.length * 7;
    const dash = `<path class="line l${i}" d="M${at} ${y0 + 10}h18"/>`;
    return `${dash}\n${text(at + 24, y0 + 14, name, 'key')}`;
  });
  return [text(left, y0 + 14, label, 'label'), ...key, ...grid, ...marked, ...drawn].join('\n');
}

/** 1, 2 or 5 times a power of ten, and at least so much. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}

const multiples = (step: number, max: number) =>
  Array.from({ length: Math.floor(max / step + 1e-6) + 1 }, (_, i) => i * step);

const number = (value: number) => value.toLocaleString('en-US', { maximumSignificantDigits: 3 });

const text = (x: number, y: number, content: string, kind: string) =>
  `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}">${escaped(content)}</text>`;

const escaped = (content: string) => content.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

const style = `<style>
text { font: 11px system-ui, sans-serif; fill: #24292f }
.title { font-size: 14px; font-weight: 600 }
.label { font-weight: 600 }
.tick { fill: #57606a } .middle { text-anchor: middle } .end { text-anchor: end }
.paper { fill: #ffffff }
.grid { stroke: #d0d7de; fill: none }
.mark { stroke: #cf222e; stroke-dasharray: 3 3; fill: none }
.line { stroke-width: 1.5; fill: none }
.l0 { stroke: #0969da } .l1 { stroke: #d4a72c } .l2 { stroke: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .tick { fill: #8d96a0 } .paper { fill: #0d1117 } .grid { stroke: #30363d }
}
</style>`;
