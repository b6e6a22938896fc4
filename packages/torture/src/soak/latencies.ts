/** The calls whose times are followed. */
export const timedCalls = ['SetNum', 'Fact', 'small upload'] as const;
export type TimedCall = (typeof timedCalls)[number];

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

/** The times of calls, in ms, since they were last taken. */
export class Latencies {
  #ms = new Map<string, number[]>();

  /** The time of the call is kept if it has an answer. */
  async time<T>(name: string, call: () => Promise<T | undefined>): Promise<T | undefined> {
    const beganMs = performance.now();
    const answer = await call();
    if (answer !== undefined) this.add(name, performance.now() - beganMs);
    return answer;
  }

  add(name: string, ms: number): void {
    const times = this.#ms.get(name) ?? [];
    times.push(ms);
    this.#ms.set(name, times);
  }

  /** Undefined for a call that there was none of. */
  take(name: string): Percentiles | undefined {
    const sorted = (this.#ms.get(name) ?? []).sort((a, b) => a - b);
    this.#ms.delete(name);
    const at = (share: number) => sorted[Math.ceil(sorted.length * share) - 1];
    const [p50, p99] = [at(0.5), at(0.99)];
    return p50 === undefined || p99 === undefined ? undefined : { p50, p99 };
  }
}
