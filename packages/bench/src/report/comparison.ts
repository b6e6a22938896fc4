/** The values of one contender at one piece of work, round by round. */
export interface Contestant {
  readonly name: string;
  /** How it took part: its settings, and whose files it read. */
  readonly setting: string;
  readonly samples: readonly number[];
  /** Whether it read the very files that Tally read. */
  readonly sameFiles?: boolean;
}

/** What the requirements ask of Tally at one piece of work. */
export type Bar =
  /** The other's median must be so many times Tally's; `fastest`: whichever has the least. */
  | { readonly timesBetterThan: string; readonly factor: number }
  /** Tally's median must not exceed so many times the other's. */
  | { readonly atMostTimes: number; readonly of: string }
  /** Tally's largest value must not exceed it. */
  | { readonly atMost: number };

/** `fastest` in a bar: every contestant but Tally counts, and the best of them is meant. */
export const fastest = 'fastest';

/** One piece of work, measured for all who take part in the same rounds. Tally is the first. */
export interface Comparison {
  readonly work: string;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
  readonly contestants: readonly Contestant[];
  readonly bars: readonly Bar[];
}

/** What a section of the benchmark found out. */
export interface SectionResult {
  readonly comparisons: readonly Comparison[];
  /** Sentences that belong under the table: what was skipped, and what was seen besides. */
  readonly notes: readonly string[];
}
