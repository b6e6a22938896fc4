import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { distributionOf } from '../dist/workload/distribution.js';
import { distributionsOf } from '../dist/workload/distributions.js';
import { htmlReport } from '../dist/workload/html/report.js';
import type { RoundRecord } from '../dist/workload/round.js';
import { summarise } from '../dist/workload/summary.js';
import { timelineOf } from '../dist/workload/timeline.js';
import { tally } from './run-tally.js';
import { temporaryFolder } from './temporary-folder.js';

describe('tally workload', () => {
  let server: LaunchedServer;
  beforeAll(async () => {
    server = await launchServer();
  });
  afterAll(() => server.stop());

  const workload = (...args: string[]) => tally(['workload', String(server.port), ...args]);

  test('prints what start prints, and then how response times are spread', async () => {
    const { code, stdout, stderr } = await workload('--warmup', '50');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [report, cold = '', warm = ''] = stdout.split(/^Response times of the .* round$/m);
    expect(report).toMatch(/^ {2}p99 response time, all +/m);
    for (const drawing of [cold, warm]) {
      expect(drawing).toMatch(/^ +all +SetNum +Fact$/m);
      for (const name of ['p50', 'p90', 'p99', 'p99.9', 'the longest']) {
        expect(drawing).toMatch(new RegExp(`^ +${name}( +[0-9.]+ (µs|ms)){3}$`, 'm'));
      }
      const counts = [...drawing.matchAll(/^ +\S+ (?:µs|ms) to +\S+ (?:µs|ms) .* ([0-9,]+)$/gm)];
      const replies = counts.map(([, count = '']) => Number(count.replaceAll(',', '')));
      expect(replies.reduce((a, b) => a + b, 0)).toBe(800);
    }
  });

  test('--json has the distributions too', async () => {
    const { stdout } = await workload('--json');
    const { cold, distributions } = JSON.parse(stdout);
    expect(distributions.cold.all.replies).toBe(800);
    const [p50] = distributions.cold.all.percentiles;
    // By nearest rank here, to three digits there.
    expect(p50.ms).toBeCloseTo(cold.responseTime.all.p50Ms, 1);
  });

  test('--report writes a page that needs nothing else', async () => {
    const cwd = await temporaryFolder({});
    const args = [
      'workload',
      '--port',
      String(server.port),
      '--warmup',
      '10',
      '--report',
      'out.html',
    ];
    expect(await tally(args, { cwd })).toMatchObject({ code: 0, stderr: '' });
    const page = await readFile(path.join(cwd, 'out.html'), 'utf8');
    expect(page).toMatch(/^<!doctype html>/);
    expect(page.match(/<svg /g)).toHaveLength(8);
    expect(page).toContain('prefers-color-scheme: dark');
    // Nothing is fetched, and nothing runs.
    expect(page).not.toMatch(/https?:|<script|<link|<img|url\(|@import|NaN|Infinity|undefined/);
  });

  test('a report that cannot be written: a sentence, exit code 2, after the numbers', async () => {
    const cwd = await temporaryFolder({ file: '' });
    const args = ['workload', '--port', String(server.port), '--report', 'file/out.html'];
    const { code, stdout, stderr } = await tally(args, { cwd });
    expect(code).toBe(2);
    expect(stdout).toMatch(/throughput/);
    expect(stderr).toMatch(/^Cannot write .*out\.html: .*\n$/);
  });
});

describe('the distribution', () => {
  const times = Array.from({ length: 10_000 }, (_, i) => (i + 1) / 100);

  test('has percentiles to three digits, however many times there are', () => {
    const percentiles = Object.fromEntries(
      distributionOf(times.toReversed()).percentiles.map(({ percentile, ms }) => [percentile, ms]),
    );
    for (const [percentile, ms] of [
      [50, 50],
      [90, 90],
      [99, 99],
      [99.9, 99.9],
      [99.99, 99.99],
      [100, 100],
    ] as const) {
      expect(percentiles[percentile]).toBeGreaterThanOrEqual(ms * 0.999);
      expect(percentiles[percentile]).toBeLessThanOrEqual(ms * 1.001);
    }
  });

  test('counts each time in the bucket that has it', () => {
    const { buckets, replies } = distributionOf([0.001, 0.9, 1, 1.99, 2, 4.5, 100]);
    expect(replies).toBe(7);
    const filled = buckets.filter((bucket) => bucket.replies > 0);
    expect(filled).toEqual([
      { aboveMs: 0, toMs: 2 ** -6, replies: 1 },
      { aboveMs: 0.5, toMs: 1, replies: 1 },
      { aboveMs: 1, toMs: 2, replies: 2 },
      { aboveMs: 2, toMs: 4, replies: 1 },
      { aboveMs: 4, toMs: 8, replies: 1 },
      { aboveMs: 64, toMs: 128, replies: 1 },
    ]);
  });
});

/** A round whose replies come one each 2 ms, the later the slower. */
function steadyRound(replies: number): RoundRecord {
  const all = Array.from({ length: replies }, (_, i) => i + 1);
  return {
    durationMs: Math.max(1, replies * 2),
    sent: { SetNum: replies, Fact: 0 },
    responseMs: { SetNum: all, Fact: [] },
    replyAtMs: { SetNum: all.map((i) => i * 2), Fact: [] },
    hits: 0,
    found: 0,
    factErrors: new Map(),
    failures: new Map(),
  };
}

test('the timeline has slices of the same length, with the replies that came in each', () => {
  const slices = timelineOf(steadyRound(6000));
  expect(slices).toHaveLength(60);
  for (const [i, { fromMs, toMs, repliesPerSecond, p50Ms }] of slices.entries()) {
    expect([fromMs, toMs]).toEqual([i * 200, (i + 1) * 200]);
    // One on the edge is in the slice before or after it.
    expect(Math.abs(repliesPerSecond - 500)).toBeLessThanOrEqual(5);
    expect(Math.abs((p50Ms ?? 0) - (i * 100 + 50))).toBeLessThanOrEqual(1);
  }
  expect(timelineOf(steadyRound(20))).toHaveLength(1);
});

test.each([0, 1, 2])('a page can be made of %d replies', (replies) => {
  const record = steadyRound(replies);
  const workload = {
    address: '<b>"&',
    ...{ tasks: 1, requestsPerTask: replies, keys: 1, largestValue: 1, seed: 1 },
    cold: summarise(record),
  };
  const round = { title: 'Cold', summary: workload.cold, distributions: distributionsOf(record) };
  const page = htmlReport(workload, [round]);
  expect(page).not.toMatch(/NaN|Infinity|undefined|<b>"&/);
  expect(page).toContain('&lt;b>&quot;&amp;');
  expect(page.includes('There was no reply.')).toBe(replies === 0);
});
