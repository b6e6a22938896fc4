import { expect, test } from 'vitest';
import { barChart, logScale } from '../src/report/bar-chart.js';

test('the scale goes from a power of ten to a power of ten, in equal steps', () => {
  const { ticks, x } = logScale([0.3, 20, 900]);
  expect(ticks).toEqual([0.1, 1, 10, 100, 1000]);
  const steps = ticks.slice(1).map((tick, i) => x(tick) - x(ticks[i] ?? 0));
  for (const step of steps) expect(step).toBeCloseTo(steps[0] ?? 0);
});

test('one power of ten alone still has a width', () => {
  expect(logScale([10]).ticks).toEqual([10, 100]);
});

test('a bar is as long as its median, with its spread and its number', () => {
  const bar = { name: 'Tally', value: 20, min: 10, max: 100 };
  const svg = barChart({ title: 'sums < 1 s', groups: [{ label: 'a & b', bars: [bar] }] });
  const { x } = logScale([10, 100]);
  expect(svg).toContain(`width="${(x(20) - x(10)).toFixed(1)}"`);
  expect(svg).toContain(`M${x(10).toFixed(1)} `);
  expect(svg).toContain(`H${x(100).toFixed(1)}"`);
  expect(svg).toContain('>20</text>');
  expect(svg).toContain('a &#38; b');
  expect(svg).toContain('sums &#60; 1 s');
});

test('nothing, as no process killed, is a bar without length', () => {
  const bar = { name: 'Tally', value: 0, min: 0, max: 0 };
  const other = { name: 'Tally', value: 300, min: 300, max: 300 };
  const svg = barChart({ title: '', groups: [{ label: '', bars: [bar, other] }] });
  expect(svg).not.toMatch(/Infinity|NaN|width="-/);
});
