import { percentile } from './percentiles.js';
import type { RoundRecord } from './round.js';

/** Response times of the replies of one kind; `null` where there was no reply. */
export interface ResponseTimes {
  readonly replies: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** The numbers of one round, as `--json` prints them. */
export interface RoundSummary {
  /** Requests sent. */
  readonly requests: number;
  readonly setNumRequests: number;
  readonly factRequests: number;
  /** Failed calls in all, and by gRPC status. */
  readonly failedRequests: number;
  readonly failedRequestsByStatus: Readonly<Record<string, number>>;
  /** Fact replies with `error` set, in all and by sentence; they are replies, not failures. */
  readonly factErrorReplies: number;
  readonly factErrorRepliesBySentence: Readonly<Record<string, number>>;
  /** Fact replies with a factorial. */
  readonly factsFound: number;
  /** Those of them that came from the server's cache. */
  readonly cacheHits: number;
  /** cacheHits ÷ factsFound, from 0 to 1; `null` without any factorial. */
  readonly cacheHitRate: number | null;
  readonly responseTime: {
    readonly all: ResponseTimes;
    readonly setNum: ResponseTimes;
    readonly fact: ResponseTimes;
  };
  /** From the first request sent to the last reply; connecting is not in it. */
  readonly durationMs: number;
  /** Replies per second of that time. */
  readonly throughputPerSecond: number;
}

/** A whole workload: what was asked for, and what came of it. */
export interface WorkloadSummary {
  /** `host:port` of the server. */
  readonly address: string;
  readonly tasks: number;
  readonly requestsPerTask: number;
  readonly keys: number;
  readonly largestValue: number;
  readonly seed: number;
  /** The first round, as it came. */
  readonly cold: RoundSummary;
  /** Uncounted requests between the rounds. */
  readonly warmupRequests?: number;
  /** The round after them. */
  readonly warm?: RoundSummary;
}

/** Works out the numbers of a round from its record. */
export function summarise(record: RoundRecord): RoundSummary {
  const { sent, responseMs, hits, found, durationMs } = record;
  const all = responseTimes([...responseMs.SetNum, ...responseMs.Fact]);
  return {
    requests: sent.SetNum + sent.Fact,
    setNumRequests: sent.SetNum,
    factRequests: sent.Fact,
    failedRequests: total(record.failures),
    failedRequestsByStatus: Object.fromEntries(record.failures),
    factErrorReplies: total(record.factErrors),
    factErrorRepliesBySentence: Object.fromEntries(record.factErrors),
    factsFound: found,
    cacheHits: hits,
    cacheHitRate: found === 0 ? null : hits / found,
    responseTime: {
      all,
      setNum: responseTimes(responseMs.SetNum),
      fact: responseTimes(responseMs.Fact),
    },
    durationMs,
    throughputPerSecond: (all.replies / durationMs) * 1000,
  };
}

function responseTimes(timesMs: readonly number[]): ResponseTimes {
  const sorted = timesMs.toSorted((a, b) => a - b);
  return {
    replies: sorted.length,
    p50Ms: toMicrosecond(percentile(sorted, 50)),
    p99Ms: toMicrosecond(percentile(sorted, 99)),
  };
}

// The clock's further digits are rounding errors of a double.
function toMicrosecond(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 1000) / 1000;
}

function total(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
