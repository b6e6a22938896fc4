/** The middle of some values; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (
    ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2
  );
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** How much y grows with x, by least squares; NaN with fewer than two points. */
export function slope(points: readonly Point[]): number {
  const mean = (of: (point: Point) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanX, meanY] = [mean(({ x }) => x), mean(({ y }) => y)];
  const covariance = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  const variance = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  return covariance / variance;
}

/** The medians of the first third of the values, in their order, and of the last. */
export function thirds(values: readonly number[]): {
  readonly first: number;
  readonly last: number;
} {
  const third = Math.ceil(values.length / 3);
  return { first: median(values.slice(0, third)), last: median(values.slice(-third)) };
}
