import type { Choices } from './choices.js';

/** Makes the text of a field's value. */
type MakeValue = (choices: Choices) => string;

const edges = [
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775806',
  '-9223372036854775807',
  '999999999999999999',
  '-1000000000000000000',
  '4611686018427387904',
];
const beyondInt64 = [
  '9223372036854775808',
  '-9223372036854775809',
  '18446744073709551616',
  '99999999999999999999999999',
];
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
const odd = ['é', 'ß', '日本', '😀', '\u0301', '\u00a0', '\u2028', '\u200b', '\0', '\t', '\\', "'"];
const numberLike = ['NaN', 'inf', '-inf', 'NA', 'null', 'NULL', 'None', '-', '+', '+-1', '0x10'];
const integerLike = [
  '1_000',
  '1 000',
  '١٢',
  '1e3',
  '1.',
  '--1',
  '1-',
  '+ 1',
  '\u00a01',
  '1\0',
  '.',
];

const digits = ({ below }: Choices, count: number) =>
  Array.from({ length: count }, () => below(10)).join('');

const integer: MakeValue = ({ below, oneOf }) => `${oneOf(['', '', '', '-'])}${below(1000)}`;

const longInteger: MakeValue = (choices) =>
  choices.chance(200)
    ? choices.oneOf(edges)
    : choices.oneOf(['', '-', '+']) + digits(choices, choices.between(1, 18));

const oddInteger: MakeValue = (choices) => {
  const { oneOf, between } = choices;
  const around = oneOf(['', '', ' ', '  ', '\t']);
  const zeros = '0'.repeat(oneOf([0, 0, 1, 3, 20]));
  return `${around}${oneOf(['', '+', '-'])}${zeros}${digits(choices, between(1, 15))}${oneOf(['', ' '])}`;
};

const double: MakeValue = (choices) => {
  const { oneOf, between } = choices;
  const whole = digits(choices, between(0, 6));
  const part = digits(choices, between(1, 18));
  const exponent = oneOf(['', '', '', 'e5', 'E-7', 'e+30', 'e-320', 'e308']);
  return `${oneOf(['', '-', '+'])}${whole}.${part}${exponent}`;
};

const two = (n: number) => String(n).padStart(2, '0');

const date: MakeValue = ({ between, oneOf }) =>
  `${oneOf(['0001', '1582', '1969', '1970', '2000', '2024', '9999'])}-` +
  `${two(between(1, 12))}-${two(between(1, 28))}`;

const timestamp: MakeValue = (choices) => {
  const { between, oneOf } = choices;
  const seconds = oneOf(['', ':00', `:${two(between(0, 59))}`, ':59.5', ':01.000001']);
  const zone = oneOf(['', '', 'Z', '+02:00', '-0530']);
  return `${date(choices)}${oneOf(['T', ' '])}${two(between(0, 23))}:${two(between(0, 59))}${seconds}${zone}`;
};

const boolean: MakeValue = ({ oneOf }) => oneOf(['true', 'false', 'TRUE', 'False', ' true']);

export const word: MakeValue = ({ oneOf, between }) =>
  Array.from({ length: between(1, 8) }, () => oneOf([...letters])).join('');

const text: MakeValue = (choices) =>
  Array.from({ length: choices.between(1, 4) }, () =>
    choices.chance(700) ? word(choices) : choices.oneOf(odd),
  ).join(choices.oneOf(['', ' ', ' ', '_']));

/** A text that must be quoted. */
const hardText: MakeValue = (choices) => {
  const { oneOf } = choices;
  const hard = oneOf([',', '"', '""', '\n', '\r\n', '\r', '","', '\n\n', '"\n']);
  return `${choices.chance(600) ? word(choices) : ''}${hard}${choices.chance(600) ? word(choices) : ''}`;
};

const longText: MakeValue = (choices) => `${word(choices)} `.repeat(choices.between(10, 60)).trim();

const kinds: readonly MakeValue[] = [
  ...[integer, integer, integer, longInteger, longInteger, oddInteger, oddInteger],
  ...[double, date, timestamp, boolean, text, text, hardText, longText],
];

/** What stands in a column among values of another kind. */
const strays: readonly MakeValue[] = [
  ...[double, text, hardText, boolean, date],
  ({ oneOf }) => oneOf(beyondInt64),
  ({ oneOf }) => oneOf(numberLike),
  ({ oneOf }) => oneOf(integerLike),
];

/** The values of a column: mostly of one kind, undefined where there is none. */
export function columnMaker(choices: Choices): () => string | undefined {
  const { chance, oneOf } = choices;
  const kind = oneOf(kinds);
  const nullsPerThousand = oneOf([0, 0, 0, 100, 500, 1000]);
  const straysPerThousand = oneOf([0, 0, 0, 0, 20, 200]);
  return () => {
    if (chance(nullsPerThousand)) return undefined;
    return chance(straysPerThousand) ? oneOf(strays)(choices) : kind(choices);
  };
}
