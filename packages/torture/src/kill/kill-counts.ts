import type { Unanswered } from '../expected-numbers.js';

/** Writes of one kind: those that were acknowledged, and the fate of those without an answer. */
export class WriteCounts {
  acknowledged = 0;
  kept = 0;
  notKept = 0;

  add({ kept, notKept }: Unanswered): void {
    this.kept += kept;
    this.notKept += notKept;
  }

  toString(): string {
    const { acknowledged, kept, notKept } = this;
    return (
      `${acknowledged} acknowledged, all kept; ${kept + notKept} in flight at the kill, ` +
      `of which ${kept} were found and ${notKept} were not`
    );
  }
}

/** What a run has seen so far. */
export class KillCounts {
  cycles = 0;
  startsKilled = 0;
  /** CSV files of chunks that no log names, at the ends of the folders. */
  filesLeft = 0;
  readonly numbers = new WriteCounts();
  readonly chunks = new WriteCounts();
  readonly restartsMs: number[] = [];

  progress(): string {
    const { numbers, chunks } = this;
    return (
      `${this.cycles} cycles, ${numbers.acknowledged} numbers and ${chunks.acknowledged} chunks ` +
      `acknowledged, ${numbers.kept + chunks.kept} of ${inFlight(numbers) + inFlight(chunks)} ` +
      'in flight found'
    );
  }

  summary(): string {
    const sorted = this.restartsMs.toSorted((a, b) => a - b);
    const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(0);
    return [
      `${this.cycles} cycles, and ${this.startsKilled} starts killed before those that were checked`,
      `numbers: ${this.numbers}`,
      `chunks: ${this.chunks}`,
      `restart: p50 ${at(0.5)} ms, max ${at(1)} ms`,
      `${this.filesLeft} CSV files are of chunks that were killed before their commit: no log names them`,
    ].join('\n');
  }
}

const inFlight = ({ kept, notKept }: WriteCounts) => kept + notKept;
