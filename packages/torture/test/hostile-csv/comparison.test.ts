import { expect, test } from 'vitest';
import type { PeerAnswer, TallyAnswer, TallyColumn } from '../../src/hostile-csv/answers.js';
import { compare } from '../../src/hostile-csv/comparison.js';

const integers: TallyColumn = { name: 'x', type: 'long', cells: [1n, null, 20n], sum: 21n };
const texts: TallyColumn = { name: 't', type: 'string', cells: ['a', '', null], sum: undefined };
const tally: TallyAnswer = { rows: 3, columns: [integers, texts] };
const withInteger = (change: Partial<TallyColumn>): TallyAnswer => ({
  rows: 3,
  columns: [{ ...integers, ...change }, texts],
});
const x = ['x', '1', null, ' +020'];
const t = ['t', 'a', '', null];
const peer: PeerAnswer = { columns: [x, t] };

test('answers that say the same do not differ', () => {
  expect(compare(tally, peer)).toEqual({ difference: undefined, sums: 1 });
  expect(compare({ refusal: 'a' }, { refusal: 'b' }).difference).toBeUndefined();
});

test.each<[string, TallyAnswer, PeerAnswer]>([
  ['acceptance', tally, { refusal: 'no' }],
  ['acceptance', { refusal: 'no' }, peer],
  ['columns', tally, { columns: [x] }],
  ['names', tally, { columns: [['X', '1', null, '20'], t] }],
  ['sums', withInteger({ sum: 22n }), peer],
  [
    'sums',
    tally,
    {
      columns: [
        ['x', '1', null, '20', '1'],
        [...t, null],
      ],
    },
  ],
  [
    'rows',
    tally,
    {
      columns: [
        [...x, '0'],
        [...t, null],
      ],
    },
  ],
  ['types', withInteger({ type: 'string', cells: ['1', null, ' +020'], sum: undefined }), peer],
  ['types', withInteger({ type: null, cells: [], sum: undefined }), peer],
  ['cells', withInteger({ cells: [20n, null, 1n] }), peer],
  ['cells', withInteger({ cells: [1n, 0n, 20n] }), peer],
  ['cells', tally, { columns: [x, ['t', 'a', null, '']] }],
])('%s that differ are found', (kind, ofTally, ofPeer) => {
  expect(compare(ofTally, ofPeer).difference?.kind).toBe(kind);
});
