import type { BenchOptions } from './options.js';
import type { LineUp } from './peers/line-up.js';

/** What every section needs to know about the run that it is part of. */
export interface BenchRun {
  readonly options: BenchOptions;
  /** Where data sets are generated; other sections and, with --work-dir, other runs find them there. */
  readonly workFolder: string;
  /** A Python with DuckDB, polars and pyarrow. */
  peersPython(): string;
  /** The peers of the whole run: what one section finds to be their best need not be found again. */
  lineUp(): LineUp;
  /** A Python with what the reference server needs. */
  referencePython(): string;
}

/** Runs every contestant in every round, each time beginning with another one. */
export async function inTurn<T>(
  rounds: number,
  contestants: readonly T[],
  measure: (contestant: T, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    // So that no one always runs on the busier machine, or after the same other.
    const first = round % contestants.length;
    for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      await measure(contestant, round);
    }
  }
}
