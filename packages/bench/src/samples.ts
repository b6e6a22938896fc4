import type { MetricId } from './metrics.js';

/** What one contender reached in one round. */
export type Round = Readonly<Record<MetricId, number>>;

/** Every round of every contender, in the order in which they were measured. */
export class Samples {
  readonly #rounds = new Map<string, Round[]>();

  add(contender: string, round: Round): void {
    this.#rounds.set(contender, [...(this.#rounds.get(contender) ?? []), round]);
  }

  /** The values of one metric, round by round. */
  of(contender: string, metric: MetricId): readonly number[] {
    return (this.#rounds.get(contender) ?? []).map((round) => round[metric]);
  }

  /** The first contender's value over the second's, round by round. */
  ratios(contender: string, other: string, metric: MetricId): readonly number[] {
    const others = this.of(other, metric);
    return this.of(contender, metric).map((value, round) => value / (others[round] ?? Number.NaN));
  }

  toJSON(): unknown {
    return Object.fromEntries(this.#rounds);
  }
}
