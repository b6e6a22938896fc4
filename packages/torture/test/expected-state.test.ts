import { describe, expect, it } from 'vitest';
import { ExpectedNumbers } from '../src/expected-numbers.js';
import { ExpectedTable, type TestChunk } from '../src/expected-table.js';

describe('a number', () => {
  it('may be what was acknowledged last, and nothing older', () => {
    const numbers = new ExpectedNumbers();
    numbers.acknowledge(numbers.begin('k', 1n));
    numbers.acknowledge(numbers.begin('k', 2n));
    expect(() => numbers.settle(new Map([['k', 1n]]))).toThrow(
      'the number "k" is 1, but only 2 (acknowledged) is allowed',
    );
    expect(() => numbers.settle(new Map())).toThrow('"k" is missing');
    expect(numbers.settle(new Map([['k', 2n]]))).toEqual({ kept: 0, notKept: 0 });
  });

  it('may be what had no answer, or not', () => {
    for (const found of [1n, 2n]) {
      const numbers = new ExpectedNumbers();
      numbers.acknowledge(numbers.begin('k', 1n));
      numbers.begin('k', 2n);
      const kept = found === 2n ? 1 : 0;
      expect(numbers.settle(new Map([['k', found]]))).toEqual({ kept, notKept: 1 - kept });
      expect(numbers.total()).toBe(found);
      // What was found once is all that is allowed afterwards.
      expect(() => numbers.settle(new Map([['k', 3n - found]]))).toThrow('allowed');
    }
  });

  it('may be either of two that were written at once', () => {
    for (const found of [1n, 2n]) {
      const numbers = new ExpectedNumbers();
      const [first, second] = [numbers.begin('k', 1n), numbers.begin('k', 2n)];
      numbers.acknowledge(second);
      numbers.acknowledge(first);
      expect(numbers.settle(new Map([['k', found]]))).toEqual({ kept: 0, notKept: 0 });
    }
  });

  it('must not be what was refused, or what nobody has written', () => {
    const numbers = new ExpectedNumbers();
    numbers.refuse(numbers.begin('k', 1n));
    expect(() => numbers.settle(new Map([['k', 1n]]))).toThrow('only missing (acknowledged)');
    expect(() => numbers.settle(new Map([['other', 1n]]))).toThrow('which nobody has set');
  });
});

const chunk = (name: string, mark: bigint, column = 0n): TestChunk => ({
  name,
  csv: Buffer.alloc(0),
  sums: new Map([
    ['mark', mark],
    [name, column],
  ]),
});

describe('a table', () => {
  function tableWith(acknowledged: readonly TestChunk[], unanswered: readonly TestChunk[]) {
    const table = new ExpectedTable();
    for (const one of [...acknowledged, ...unanswered]) table.begin(one);
    for (const one of acknowledged) table.acknowledge(one);
    return table;
  }

  it('has every acknowledged chunk, and those without an answer that the marks show', () => {
    const table = tableWith([chunk('a', 100n, 1n)], [chunk('b', 10n, 2n), chunk('c', 20n, 3n)]);
    expect(table.markBounds()).toEqual({ least: 100n, most: 130n });
    expect(table.settle(120n)).toEqual({ kept: 1, notKept: 1 });
    expect(table.columns()).toEqual(['mark', 'a', 'c']);
    expect(['a', 'b', 'c'].map((column) => table.sum(column))).toEqual([1n, 0n, 3n]);
    expect(table.markBounds()).toEqual({ least: 120n, most: 120n });
  });

  it('must not miss several chunks', () => {
    const table = tableWith([chunk('a', 100n), chunk('b', 50n), chunk('c', 7n)], [chunk('d', 10n)]);
    expect(() => table.settle(110n)).toThrow('b and c, acknowledged, are missing');
  });

  it.each([
    ['an acknowledged chunk that is missing', 10n, 'a, acknowledged, is missing'],
    ['an acknowledged chunk that is there twice', 200n, 'a is counted twice'],
    ['a chunk without an answer that is there twice', 120n, 'b is counted twice'],
    ['a chunk that is there in part', 105n, 'some chunk is there in part'],
  ])('must not show %s', (_, marks, sentence) => {
    expect(() => tableWith([chunk('a', 100n)], [chunk('b', 10n)]).settle(marks)).toThrow(sentence);
  });
});
