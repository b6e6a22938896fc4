import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  cacheEntriesMax,
  createFactorials,
  type FactorialAnswer,
  type Factorials,
} from '../dist/numbers/factorials.js';
import { factorial, fromBigEndian } from '../src/numbers/factorial.js';

/** Takes most of a second: long beside anything else that happens here. */
const slowN = 1_000_000;

let factorials: Factorials;
beforeEach(() => {
  factorials = createFactorials(4);
});
afterEach(() => factorials.close());

async function hits(ns: readonly number[]): Promise<boolean[]> {
  const answers: boolean[] = [];
  for (const n of ns) answers.push((await factorials.compute(n)).hit);
  return answers;
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);
const distinct = (answers: readonly FactorialAnswer[]) => new Set(answers.map((a) => a.bytes)).size;

describe('the cache of factorials', () => {
  it('answers what was asked before, and says so', async () => {
    expect(await hits([5, 5, 6, 5, 6])).toEqual([false, true, false, true, true]);
    const answer = await factorials.compute(5);
    expect(fromBigEndian(answer.bytes)).toBe(120n);
  });

  it('holds ten entries and no more', async () => {
    expect(cacheEntriesMax).toBe(10);
    await hits(upTo(10));
    expect(await hits(upTo(10))).toEqual(Array(10).fill(true));
    expect(await hits([11, 1])).toEqual([false, false]);
  });

  it('is all that is kept: what it dropped is computed again', async () => {
    const first = await factorials.compute(1);
    await hits(upTo(11));
    const again = await factorials.compute(1);
    expect(again.hit).toBe(false);
    expect(distinct([first, again])).toBe(2);
  });

  it('drops the entry that was not used for longest; using one saves it', async () => {
    await hits(upTo(10));
    expect(await hits([1, 11])).toEqual([true, false]);
    // 2 went, not 1.
    expect(await hits([1, 3, 2])).toEqual([true, true, false]);
  });

  it('is a least-recently-used cache of ten, whatever is asked in whatever order', async () => {
    const sequence = fc.array(fc.integer({ min: 0, max: 13 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(sequence, async (asked) => {
        const fresh = createFactorials(1);
        const model: number[] = [];
        try {
          for (const n of asked) {
            const { bytes, hit } = await fresh.compute(n);
            const place = model.indexOf(n);
            expect({ n, hit }).toEqual({ n, hit: place >= 0 });
            expect(fromBigEndian(bytes)).toBe(factorial(n));
            if (place >= 0) model.splice(place, 1);
            model.push(n);
            if (model.length > 10) model.shift();
          }
        } finally {
          await fresh.close();
        }
      }),
      { numRuns: 15 },
    );
  });
});

describe('callers that ask for the same number at once', () => {
  it('share one computation, and none of them is told hit', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => factorials.compute(slowN)));
    expect(answers.map(({ hit }) => hit)).toEqual(Array(20).fill(false));
    // Every computation makes bytes of its own: one object means one computation.
    expect(distinct(answers)).toBe(1);
    const later = await factorials.compute(slowN);
    expect(later.hit).toBe(true);
    expect(distinct([...answers, later])).toBe(1);
  });

  it('share it also when they come while it is under way', async () => {
    const first = factorials.compute(slowN);
    // Answers from the threads show that the computation above has long been started.
    await hits([3, 4]);
    const answers = await Promise.all([first, factorials.compute(slowN)]);
    expect(answers.map(({ hit }) => hit)).toEqual([false, false]);
    expect(distinct(answers)).toBe(1);
  });

  it('all learn of its failure; then it is tried again, and the lock is free', async () => {
    const tooBig = Number.MAX_SAFE_INTEGER;
    const failure = () => factorials.compute(tooBig).catch((error: Error) => error);
    const [first, second] = await Promise.all([failure(), failure()]);
    expect(first).toBeInstanceOf(Error);
    expect(second).toBe(first);
    const later = await failure();
    expect(later).toBeInstanceOf(Error);
    expect(later).not.toBe(first);
    expect(await hits([5, 5])).toEqual([false, true]);
  });
});

describe('the lock', () => {
  it('is not held while a factorial is computed: others are answered meanwhile', async () => {
    await factorials.compute(7);
    let slowIsDone = false;
    const slow = factorials.compute(slowN).then(() => {
      slowIsDone = true;
    });
    const meanwhile = [await factorials.compute(7), await factorials.compute(8)];
    expect(slowIsDone).toBe(false);
    expect(meanwhile.map(({ hit }) => hit)).toEqual([true, false]);
    await slow;
  });
});
