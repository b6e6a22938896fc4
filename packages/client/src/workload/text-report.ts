import type { ResponseTimes, RoundSummary, WorkloadSummary } from './summary.js';

const labelWidth = 30;

const line = (label: string, value: string) => `  ${label.padEnd(labelWidth)}${value}`;
const whole = (n: number) => n.toLocaleString('en-US', { maximumFractionDigits: 0 });

/** Returns the workload as one JSON document; units are in the names. */
export function jsonReport(summary: WorkloadSummary): string {
  return JSON.stringify(summary, null, 2);
}

/** Returns the workload as text: what was asked for, then a labelled block for each round. */
export function textReport(summary: WorkloadSummary): string {
  const { address, tasks, requestsPerTask, keys, largestValue, seed, cold, warm } = summary;
  const blocks = [
    `NumStore workload on ${address}: ${whole(tasks)} tasks × ${whole(requestsPerTask)} requests,\n` +
      `SetNum and Fact with even odds, ${whole(keys)} keys, values 1 to ${whole(largestValue)}, seed ${seed}`,
    roundReport('Cold round (the first requests of this client, as they come)', cold),
  ];
  if (warm !== undefined) {
    const warmup = whole(summary.warmupRequests ?? 0);
    blocks.push(roundReport(`Warm round (after ${warmup} uncounted requests)`, warm));
  }
  return blocks.join('\n\n');
}

function roundReport(title: string, round: RoundSummary): string {
  return [
    title,
    line(
      'requests',
      `${whole(round.requests)} (${whole(round.setNumRequests)} SetNum, ` +
        `${whole(round.factRequests)} Fact)`,
    ),
    line('failed requests', failures(round)),
    ...kinds(round.failedRequestsByStatus),
    line(
      'Fact replies with an error',
      `${whole(round.factErrorReplies)} (part of a random mix, not failures)`,
    ),
    ...kinds(round.factErrorRepliesBySentence),
    line('cache hit rate', hitRate(round)),
    ...times('all', round.responseTime.all),
    ...times('SetNum', round.responseTime.setNum),
    ...times('Fact', round.responseTime.fact),
    line(
      'throughput',
      `${whole(round.throughputPerSecond)} requests/s ` +
        `(${whole(round.responseTime.all.replies)} replies in ${round.durationMs.toFixed(1)} ms)`,
    ),
  ].join('\n');
}

function failures({ failedRequests }: RoundSummary): string {
  return failedRequests === 0 ? '0' : `${whole(failedRequests)}, by gRPC status:`;
}

function kinds(counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => `    ${whole(count)} × ${kind}`);
}

function hitRate({ cacheHitRate, cacheHits, factsFound }: RoundSummary): string {
  const counts = `${whole(cacheHits)} hits in ${whole(factsFound)} Fact calls that found a number`;
  return cacheHitRate === null
    ? `none (${counts})`
    : `${(cacheHitRate * 100).toFixed(1)} % (${counts})`;
}

function times(kind: string, { p50Ms, p99Ms }: ResponseTimes): string[] {
  const milliseconds = (ms: number | null) => (ms === null ? 'no reply' : `${ms.toFixed(2)} ms`);
  return [
    line(`p50 response time, ${kind}`, milliseconds(p50Ms)),
    line(`p99 response time, ${kind}`, milliseconds(p99Ms)),
  ];
}
