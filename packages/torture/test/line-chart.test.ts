import { expect, it } from 'vitest';
import { lineChart, niceStep } from '../src/soak/line-chart.js';

it('draws each line from the left end to the right end, and 0 at the bottom of its panel', () => {
  const svg = lineChart({
    title: 'a & b',
    xUnit: 'min',
    marks: [5],
    panels: [
      {
        label: 'one',
        lines: [
          {
            name: 'falls',
            points: [
              [0, 100],
              [10, 0],
            ],
          },
        ],
      },
    ],
  });
  expect(svg).toContain('a &#38; b');
  expect(svg).toContain('d="M60.0 66.0L860.0 196.0"');
  expect(svg).toContain('<path class="mark" d="M460.0 66V196"/>');
});

it.each([
  [0.3, 0.5],
  [1, 1],
  [6, 10],
  [130, 200],
])('takes for steps of at least %d a step of %d', (least, step) => {
  expect(niceStep(least)).toBeCloseTo(step);
});
