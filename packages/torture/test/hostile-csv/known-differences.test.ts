import { expect, test } from 'vitest';
import type { Difference } from '../../src/hostile-csv/comparison.js';
import { type CsvTraits, csvTraits } from '../../src/hostile-csv/csv-traits.js';
import { knownDifferenceOf, knownDifferences } from '../../src/hostile-csv/known-differences.js';

const plain: CsvTraits = {
  header: ['a', 'b'],
  blankLinesInFront: 0,
  lineEnds: new Set(['\n']),
  hasUnclosedQuote: false,
  hasTextBehindQuote: false,
  hasSpaceBeforeQuote: false,
  hasSurplusEmptyField: false,
  hasSpaceBehindCr: false,
  endsBehindQuoteAndComma: false,
  endsInHeader: false,
};

test.each<[string, string, Partial<CsvTraits>]>([
  ['a plain file', 'a,b\n1,"2,""\n"\n', {}],
  ['quotes within a field', 'a,b\n1"2",x"\n', {}],
  ['a byte order mark', '\ufeff"a",b\n1,2', {}],
  ['names in quotes', '"a","b ""c"""\n', { header: ['a', 'b "c"'] }],
  [
    'blank lines in front',
    '\n\r\na,b\n',
    { blankLinesInFront: 2, lineEnds: new Set(['\n', '\r\n']) },
  ],
  ['a line end in quotes', 'a,b\n1,"\r"\n', { lineEnds: new Set(['\n', '\r']) }],
  ['a quote that is not closed', 'a,b\n1,"2\n3,4\n', { hasUnclosedQuote: true }],
  ['text behind a quote', 'a,b\n"1"2,3\n', { hasTextBehindQuote: true }],
  ['spaces before a quote', 'a,b\n1, "2"\n', { hasSpaceBeforeQuote: true }],
  ['a field too many', 'a,b\n1,2,3\n', {}],
  ['an empty field too many', 'a,b\n1,2,\n', { hasSurplusEmptyField: true }],
  ['two empty fields too many', 'a,b\n1,2,,\n', { hasSurplusEmptyField: true }],
  ['fields too many, the last one empty', 'a,b\n1,2,3,\n', {}],
  [
    'a space behind a CR',
    'a,b\n\r 1,2\n',
    { hasSpaceBehindCr: true, lineEnds: new Set(['\n', '\r']) },
  ],
  ['an end behind a comma', 'a,b\n"1",', { endsBehindQuoteAndComma: true }],
  ['a header without a line end', 'a,b', { endsInHeader: true, lineEnds: new Set() }],
  ['no header', '\n', { header: [], blankLinesInFront: 1 }],
])('of %s the traits are seen', (_, csv, traits) => {
  expect(csvTraits(Buffer.from(csv))).toEqual({ ...plain, ...traits });
});

const answer = { columns: [['a', '1']] };
const tally = { rows: 1, columns: [] };
const refusal = { refusal: 'no' };
const differenceOf = (kind: Difference['kind']): Difference => ({ kind, sentence: '' });
const everything: CsvTraits = {
  header: ['a', 'a'],
  blankLinesInFront: 1,
  lineEnds: new Set(['\n', '\r']),
  hasUnclosedQuote: true,
  hasTextBehindQuote: true,
  hasSpaceBeforeQuote: true,
  hasSurplusEmptyField: true,
  hasSpaceBehindCr: true,
  endsBehindQuoteAndComma: true,
  endsInHeader: true,
};

test.each(['DuckDB', 'pyarrow'])('no difference from %s is known of a plain file', (peer) => {
  const difference = differenceOf('acceptance');
  for (const [ofTally, ofPeer] of [
    [refusal, answer],
    [tally, refusal],
    [tally, answer],
  ] as const) {
    const disagreement = { peer, tally: ofTally, answer: ofPeer, difference, traits: plain };
    expect(knownDifferenceOf(disagreement)).toBeUndefined();
  }
});

test('sums that differ are never known, whatever the file', () => {
  for (const peer of ['DuckDB', 'pyarrow']) {
    const disagreement = {
      peer,
      tally,
      answer,
      difference: differenceOf('sums'),
      traits: everything,
    };
    expect(knownDifferenceOf(disagreement)).toBeUndefined();
    expect(knownDifferenceOf({ ...disagreement, difference: differenceOf('cells') })).toBeDefined();
  }
});

test('at most twelve kinds are known', () => {
  expect(knownDifferences.length).toBeLessThanOrEqual(12);
});
