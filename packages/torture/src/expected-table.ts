import type { Unanswered } from './expected-numbers.js';
import { Violation } from './violation.js';

/** A column of every chunk: positive integers whose sum is different for each chunk. */
export const markColumn = 'mark';

/** What a sum gives: a total, or a sentence because some chunk has other than integers. */
export type ExpectedSum = bigint | 'not integers';

/** A CSV file of which is known what each of its columns adds to the table. */
export interface TestChunk {
  /** Names it in messages. */
  readonly name: string;
  readonly csv: Buffer;
  readonly sums: ReadonlyMap<string, ExpectedSum>;
}

/** All subsets of the chunks without an answer are tried: 65,536 at most. */
const unansweredMax = 16;
/** Several acknowledged chunks that are missing are named if they are among the last ones. */
const recentMax = 6;

const markOf = ({ name, sums }: TestChunk): bigint => {
  const mark = sums.get(markColumn);
  if (typeof mark !== 'bigint') throw new Error(`${name} has no mark`);
  return mark;
};

const plus = (a: ExpectedSum, b: ExpectedSum): ExpectedSum =>
  typeof a === 'bigint' && typeof b === 'bigint' ? a + b : 'not integers';

/**
 * Which chunks the table has, and so the sum of each column, from what clients were told.
 *
 * The sum of the marks tells which chunks without an answer are there. Marks are random numbers of
 * 48 bits, so that even 65,536 sets of chunks have sums of their own.
 */
export class ExpectedTable {
  readonly #sums = new Map<string, ExpectedSum>([[markColumn, 0n]]);
  /** The names of the chunks that are in the table, by their marks. */
  readonly #kept = new Map<bigint, string>();
  readonly #unanswered = new Set<TestChunk>();
  #marksOfUnanswered = 0n;
  #acknowledged = 0;
  #waiting: { readonly acknowledged: number; readonly resolve: () => void }[] = [];

  /** How many uploads were acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Resolves when so many uploads were acknowledged; never, if that does not happen. */
  reaches(acknowledged: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ acknowledged, resolve });
    });
  }

  /** An upload begins; its chunk is there or not until it is acknowledged, refused or settled. */
  begin(chunk: TestChunk): void {
    if (this.#unanswered.size >= unansweredMax) {
      throw new Error(`at most ${unansweredMax} chunks without an answer can be told apart`);
    }
    this.#unanswered.add(chunk);
    this.#marksOfUnanswered += markOf(chunk);
  }

  acknowledge(chunk: TestChunk): void {
    this.#acknowledged++;
    this.#keep(chunk);
    const reached = this.#waiting.filter((one) => one.acknowledged <= this.#acknowledged);
    this.#waiting = this.#waiting.filter((one) => !reached.includes(one));
    for (const { resolve } of reached) resolve();
  }

  /** The server has said that it keeps nothing of the chunk. */
  refuse(chunk: TestChunk): void {
    this.#answered(chunk);
  }

  /** How many chunks are acknowledged, or were found. */
  get chunks(): number {
    return this.#kept.size;
  }

  /** The columns that an acknowledged chunk has, or one that was found. */
  columns(): readonly string[] {
    return [...this.#sums.keys()];
  }

  /** The sum of a column over the chunks that are acknowledged or were found. */
  sum(column: string): ExpectedSum {
    return this.#sums.get(column) ?? 0n;
  }

  /** The least and the largest sum of the marks that a sum which begins now may give. */
  markBounds(): { readonly least: bigint; readonly most: bigint } {
    const least = this.#marksKept();
    return { least, most: least + this.#marksOfUnanswered };
  }

  /**
   * Takes in those chunks without an answer that the sum of all marks shows, and drops the others.
   *
   * Throws a Violation, which names the chunk if it can, when no set of them explains the sum.
   */
  settle(marks: bigint): Unanswered {
    const unanswered = [...this.#unanswered];
    const found = subsetWithSum(unanswered, marks - this.#marksKept());
    if (found === undefined) throw this.#unexplained(marks);
    for (const chunk of unanswered) {
      if (found.includes(chunk)) this.#keep(chunk);
      else this.refuse(chunk);
    }
    return { kept: found.length, notKept: unanswered.length - found.length };
  }

  #marksKept(): bigint {
    return this.sum(markColumn) as bigint;
  }

  #keep(chunk: TestChunk): void {
    this.#answered(chunk);
    this.#kept.set(markOf(chunk), chunk.name);
    for (const [column, sum] of chunk.sums) {
      this.#sums.set(column, plus(this.#sums.get(column) ?? 0n, sum));
    }
  }

  #answered(chunk: TestChunk): void {
    this.#unanswered.delete(chunk);
    this.#marksOfUnanswered -= markOf(chunk);
  }

  /** Looks for chunks that are missing, or for one that is counted twice. */
  #unexplained(marks: bigint): Violation {
    const is = `the sum of ${markColumn} over the ${this.chunks} acknowledged chunks is ${marks}`;
    const excess = marks - this.#marksKept();
    const recent = [...this.#kept.keys()].slice(-recentMax);
    for (const subset of subsets([...this.#unanswered])) {
      const rest = excess - marksOf(subset);
      const lost = this.#kept.get(-rest);
      if (lost !== undefined) return new Violation(`${is}: ${lost}, acknowledged, is missing`);
      const twice = this.#kept.get(rest) ?? subset.find((chunk) => markOf(chunk) === rest)?.name;
      if (twice !== undefined) return new Violation(`${is}: ${twice} is counted twice`);
      for (const several of subsets(recent)) {
        if (several.reduce((sum, mark) => sum + mark, 0n) !== -rest) continue;
        const names = several.map((mark) => this.#kept.get(mark)).join(' and ');
        return new Violation(`${is}: ${names}, acknowledged, are missing`);
      }
    }
    return new Violation(
      `${is}, not ${this.#marksKept()}, and no set of the ${this.#unanswered.size} chunks ` +
        'without an answer explains the difference: some chunk is there in part',
    );
  }
}

const marksOf = (chunks: readonly TestChunk[]) =>
  chunks.reduce((sum, chunk) => sum + markOf(chunk), 0n);

function* subsets<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let bits = 0; bits < 2 ** items.length; bits++) {
    yield items.filter((_, i) => (bits & (1 << i)) !== 0);
  }
}

function subsetWithSum(
  chunks: readonly TestChunk[],
  sum: bigint,
): readonly TestChunk[] | undefined {
  for (const subset of subsets(chunks)) if (marksOf(subset) === sum) return subset;
  return undefined;
}
