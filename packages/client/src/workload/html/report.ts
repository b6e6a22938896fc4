import { whole } from '../../terminal/text.js';
import type { Distribution, Percentile } from '../distribution.js';
import { shownMs } from '../distribution-text.js';
import type { RoundDistributions } from '../distributions.js';
import type { RoundSummary, WorkloadSummary } from '../summary.js';
import { axisFromZero, barChart, escaped, lineChart, logAxis, type Series } from './chart.js';
import { style } from './style.js';

/** A round, and how its response times are spread. */
export interface ReportedRound {
  readonly title: string;
  readonly summary: RoundSummary;
  readonly distributions: RoundDistributions;
}

/** A workload as one HTML page that needs nothing else: no script, no network. */
export function htmlReport(workload: WorkloadSummary, rounds: readonly ReportedRound[]): string {
  const { address, tasks, requestsPerTask, keys, largestValue, seed } = workload;
  const asked =
    `${whole(tasks)} tasks × ${whole(requestsPerTask)} requests, SetNum and Fact with even odds, ` +
    `${whole(keys)} keys, values 1 to ${whole(largestValue)}, seed ${seed}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>NumStore workload on ${escaped(address)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>NumStore workload on ${escaped(address)}</h1>
<p class="asked">${escaped(asked)}</p>
${rounds.map(section).join('\n')}
</main>
</body>
</html>
`;
}

function section({ title, summary, distributions }: ReportedRound): string {
  const { all, setNum, fact, timeline } = distributions;
  if (all.replies === 0) {
    return `<section><h2>${escaped(title)}</h2>${tiles(summary)}<p>There was no reply.</p></section>`;
  }
  const methods = [
    { name: 'SetNum', color: 1, distribution: setNum },
    { name: 'Fact', color: 2, distribution: fact },
  ] as const;
  const charts = [
    figure('How many replies took how long', bucketChart(all, methods)),
    figure('Response time by percentile', percentileChart(methods)),
    figure('Response time as the round went on', timesChart(timeline)),
    figure('Replies a second as the round went on', throughputChart(timeline)),
  ];
  return `<section>
<h2>${escaped(title)}</h2>
${tiles(summary)}
<div class="charts">${charts.join('\n')}</div>
${percentileTable(distributions)}
</section>`;
}

const figure = (caption: string, chart: string) =>
  `<figure><figcaption>${caption}</figcaption>${chart}</figure>`;

function tiles(summary: RoundSummary): string {
  const { requests, failedRequests, cacheHitRate, responseTime, throughputPerSecond } = summary;
  const { p50Ms, p99Ms } = responseTime.all;
  const time = (ms: number | null) => (ms === null ? '–' : shownMs(ms));
  const facts = [
    ['requests', whole(requests)],
    ['failed', whole(failedRequests)],
    ['p50', time(p50Ms)],
    ['p99', time(p99Ms)],
    ['replies a second', whole(throughputPerSecond)],
    ['cache hit rate', cacheHitRate === null ? '–' : `${(cacheHitRate * 100).toFixed(1)} %`],
  ];
  const shown = facts.map(([name, value]) => `<div><b>${value}</b><span>${name}</span></div>`);
  return `<div class="tiles">${shown.join('')}</div>`;
}

type Methods = readonly {
  readonly name: string;
  readonly color: 1 | 2;
  readonly distribution: Distribution;
}[];

function bucketChart({ buckets }: Distribution, methods: Methods): string {
  const series = methods.map(({ name, color, distribution }): Series => {
    const replies = new Map(distribution.buckets.map((bucket) => [bucket.toMs, bucket.replies]));
    const points = buckets.map(({ aboveMs, toMs }, x) => {
      const y = replies.get(toMs) ?? 0;
      return { x, y, label: `${name}: ${whole(y)} of ${shownMs(aboveMs)} to ${shownMs(toMs)}` };
    });
    return { name, color, points };
  });
  const most = Math.max(...series.flatMap(({ points }) => points.map(({ y }) => y)));
  const ends = buckets.map(({ toMs }, i) => ({ at: i + 1, text: shownMs(toMs) }));
  // As many as can be read.
  const every = Math.ceil(ends.length / 10);
  const x = {
    title: 'response time, up to',
    min: 0,
    max: buckets.length,
    ticks: ends.filter(({ at }) => at % every === 0),
  };
  return barChart('Replies by response time', x, axisFromZero('replies', most, whole), series);
}

function percentileChart(methods: Methods): string {
  const shown = methods.filter(({ distribution }) => distribution.replies > 0);
  const curves = shown.flatMap(({ distribution }) => distribution.curve);
  const times = curves.map(({ ms }) => ms);
  const series = shown.map(
    ({ name, color, distribution }): Series => ({
      name,
      color,
      points: distribution.curve.map(({ percentile, ms }) => ({
        x: rest({ percentile, ms }),
        y: ms,
        label: `${name}: p${Number(percentile.toFixed(3))} is ${shownMs(ms)}`,
      })),
    }),
  );
  const longest = Math.max(...curves.map(rest), 10);
  const x = logAxis('percentile', 1, longest, (n) =>
    n === 1 ? '0' : String(Number((100 * (1 - 1 / n)).toFixed(6))),
  );
  const y = logAxis('response time', Math.min(...times), Math.max(...times), shownMs);
  return lineChart('Response time by percentile', x, y, series);
}

/** 10 for p90, 100 for p99, 1000 for p99.9: on a logarithmic axis the tail is seen. */
const rest = ({ percentile }: Percentile) => 1 / (1 - percentile / 100);

type Timeline = RoundDistributions['timeline'];

function timeAxis(timeline: Timeline) {
  const endMs = timeline.at(-1)?.toMs ?? 1;
  const inSeconds = endMs >= 5000;
  const text = (ms: number) => (inSeconds ? String(ms / 1000) : whole(ms));
  return axisFromZero(inSeconds ? 'seconds' : 'milliseconds', endMs, text, endMs);
}

function timesChart(timeline: Timeline): string {
  const points = (which: 'p50Ms' | 'p99Ms', name: string) =>
    timeline.flatMap((slice) => {
      const y = slice[which];
      const x = (slice.fromMs + slice.toMs) / 2;
      return y === undefined ? [] : [{ x, y, label: `${name} at ${whole(x)} ms: ${shownMs(y)}` }];
    });
  const series: Series[] = [
    { name: 'p50', color: 1, points: points('p50Ms', 'p50') },
    { name: 'p99', color: 3, points: points('p99Ms', 'p99') },
  ];
  const highest = Math.max(...timeline.map(({ p99Ms = 0 }) => p99Ms));
  const y = axisFromZero('response time', highest, shownMs);
  return lineChart('Response time over time', timeAxis(timeline), y, series);
}

function throughputChart(timeline: Timeline): string {
  const points = timeline.map(({ fromMs, toMs, repliesPerSecond }) => {
    const x = (fromMs + toMs) / 2;
    return {
      x,
      y: repliesPerSecond,
      label: `${whole(repliesPerSecond)} a second at ${whole(x)} ms`,
    };
  });
  const y = axisFromZero('replies a second', Math.max(...points.map((point) => point.y)), whole);
  return lineChart('Replies a second over time', timeAxis(timeline), y, [
    { name: 'replies a second', color: 1, points },
  ]);
}

function percentileTable({ all, setNum, fact }: RoundDistributions): string {
  const rows = all.percentiles.map(({ percentile, ms }, i) => {
    const times = [ms, setNum.percentiles[i]?.ms, fact.percentiles[i]?.ms];
    const cells = times.map((time) => `<td>${time === undefined ? '–' : shownMs(time)}</td>`);
    const name = percentile === 100 ? 'the longest' : `p${percentile}`;
    return `<tr><th scope="row">${name}</th>${cells.join('')}</tr>`;
  });
  return `<table><thead><tr><th></th><th>all</th><th>SetNum</th><th>Fact</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}
