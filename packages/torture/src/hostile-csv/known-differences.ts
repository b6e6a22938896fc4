import type { PeerAnswer, TallyAnswer } from './answers.js';
import type { Difference } from './comparison.js';
import type { CsvTraits } from './csv-traits.js';

/** Two answers that differ, and what is to be seen in the file. */
interface Disagreement {
  readonly peer: string;
  readonly tally: TallyAnswer;
  readonly answer: PeerAnswer;
  readonly difference: Difference;
  readonly traits: CsvTraits;
}

/** A kind of difference that is right, or a matter of taste. */
interface KnownDifference {
  readonly reason: string;
  readonly isIt: (disagreement: Disagreement) => boolean;
}

const onlyTallyRefuses = ({ tally, answer }: Disagreement) =>
  'refusal' in tally && !('refusal' in answer);
const onlyPeerRefuses = ({ tally, answer }: Disagreement) =>
  !('refusal' in tally) && 'refusal' in answer;
const hasDuplicateNames = ({ header }: CsvTraits) => {
  const names = header.filter((name) => name !== '');
  return new Set(names).size < names.length;
};

/**
 * Differences that are accepted, the first that fits; each looks at the file itself. None is for
 * unequal sums.
 */
export const knownDifferences: readonly KnownDifference[] = [
  {
    reason: 'a name stands twice in the header: Tally refuses it, peers read the header as a row',
    isIt: (d) => onlyTallyRefuses(d) && hasDuplicateNames(d.traits),
  },
  {
    reason: 'a quote is not closed: Tally refuses it, DuckDB drops the row, pyarrow closes it',
    isIt: (d) => onlyTallyRefuses(d) && d.traits.hasUnclosedQuote,
  },
  {
    reason: 'text follows a closing quote: Tally refuses it, pyarrow appends it to the field',
    isIt: (d) => d.peer === 'pyarrow' && onlyTallyRefuses(d) && d.traits.hasTextBehindQuote,
  },
  {
    reason: 'there is no header: Tally refuses it, peers read no rows or empty ones',
    isIt: (d) => onlyTallyRefuses(d) && d.traits.header.length === 0,
  },
  {
    reason: 'blank lines precede a header of one name: to peers they are rows of a null',
    isIt: (d) =>
      d.traits.blankLinesInFront > 0 &&
      d.traits.header.length === 1 &&
      d.difference.kind === 'names',
  },
  {
    reason: 'a header is all there is, without a line end: pyarrow takes it for an empty file',
    isIt: (d) => d.peer === 'pyarrow' && onlyPeerRefuses(d) && d.traits.endsInHeader,
  },
  {
    reason:
      'the last line ends with a quoted field and a comma: pyarrow takes what follows for quoted',
    isIt: (d) => d.peer === 'pyarrow' && !onlyTallyRefuses(d) && d.traits.endsBehindQuoteAndComma,
  },
  {
    reason:
      'line ends are of more than one kind, in quotes or not: DuckDB refuses it, or drops spaces ' +
      'behind a CR',
    isIt: (d) =>
      d.peer === 'DuckDB' &&
      d.traits.lineEnds.size > 1 &&
      (onlyPeerRefuses(d) || (d.difference.kind === 'cells' && d.traits.hasSpaceBehindCr)),
  },
  {
    reason: 'a row has empty fields too many: Tally refuses it, DuckDB drops those fields',
    isIt: (d) => d.peer === 'DuckDB' && onlyTallyRefuses(d) && d.traits.hasSurplusEmptyField,
  },
  {
    reason: 'spaces precede a quote: DuckDB drops them and takes the field for quoted',
    isIt: (d) => d.peer === 'DuckDB' && d.traits.hasSpaceBeforeQuote,
  },
];

/** The first known difference that a disagreement is of; undefined if Tally may be wrong. */
export const knownDifferenceOf = (disagreement: Disagreement): KnownDifference | undefined =>
  disagreement.difference.kind === 'sums'
    ? undefined
    : knownDifferences.find(({ isIt }) => isIt(disagreement));
