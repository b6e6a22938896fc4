import type { Cell, PeerAnswer, TallyAnswer, TallyColumn, TallyType, Text } from './answers.js';

/** Where Tally and a peer differ about a file. */
export interface Difference {
  readonly kind: 'acceptance' | 'columns' | 'names' | 'rows' | 'types' | 'cells' | 'sums';
  /** The two answers, for people. */
  readonly sentence: string;
}

export interface Comparison {
  readonly difference: Difference | undefined;
  /** Columns that both take for integers, and whose sums were compared. */
  readonly sums: number;
}

/** Compares what Tally keeps with what a peer reads: below the same header, the sums first. */
export function compare(tally: TallyAnswer, peer: PeerAnswer): Comparison {
  if ('refusal' in tally || 'refusal' in peer) {
    return { difference: differentVerdicts(tally, peer), sums: 0 };
  }
  const difference = differentHeaders(tally.columns, peer.columns);
  if (difference !== undefined) return { difference, sums: 0 };
  const { differing, sums } = compareSums(tally.columns, peer.columns);
  return { difference: differing ?? differentRows(tally, peer.columns), sums };
}

function differentVerdicts(tally: TallyAnswer, peer: PeerAnswer): Difference | undefined {
  if ('refusal' in tally && 'refusal' in peer) return undefined;
  const [ofTally, ofPeer] = [tally, peer].map((answer) =>
    'refusal' in answer ? `refuses it (${answer.refusal.split('\n', 5).join(' ')})` : 'reads it',
  );
  return { kind: 'acceptance', sentence: `Tally ${ofTally}, the peer ${ofPeer}` };
}

/** The rule that is documented for Tally's integers. */
const integerRule = /^[ \t]*([+-]?)([0-9]+)[ \t]*$/;

/** The integer that a text spells, within int64. */
function integerOf(text: string): bigint | undefined {
  const [, sign, digits] = integerRule.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const value = sign === '-' ? -BigInt(digits) : BigInt(digits);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

/** The exact sum of a column of texts; undefined unless all its values are integers. */
function sumOf(texts: readonly Text[]): bigint | undefined {
  let sum: bigint | undefined;
  for (const text of texts) {
    if (text === null) continue;
    const value = integerOf(text);
    if (value === undefined) return undefined;
    sum = (sum ?? 0n) + value;
  }
  return sum;
}

type PeerColumns = readonly (readonly Text[])[];

function compareSums(columns: readonly TallyColumn[], peer: PeerColumns) {
  let sums = 0;
  for (const [i, { sum, name }] of columns.entries()) {
    const ofPeer = sumOf(peer[i]?.slice(1) ?? []);
    if (sum === undefined || ofPeer === undefined) continue;
    sums++;
    if (sum === ofPeer) continue;
    const sentence = `the sum of ${JSON.stringify(name)} is ${sum}, by the peer's texts ${ofPeer}`;
    return { differing: { kind: 'sums', sentence } satisfies Difference, sums };
  }
  return { differing: undefined, sums };
}

function differentHeaders(
  columns: readonly TallyColumn[],
  peer: PeerColumns,
): Difference | undefined {
  if (columns.length !== peer.length) {
    return { kind: 'columns', sentence: `${columns.length} columns, of the peer ${peer.length}` };
  }
  for (const [i, { name }] of columns.entries()) {
    const ofPeer = peer[i]?.[0] ?? '';
    if (isNameOf(name, ofPeer, i)) continue;
    const names = [name, ofPeer].map((text) => JSON.stringify(text)).join(', of the peer ');
    return { kind: 'names', sentence: `column ${i + 1} has the name ${names}` };
  }
  return undefined;
}

function differentRows(
  { rows, columns }: { readonly rows: number; readonly columns: readonly TallyColumn[] },
  peer: PeerColumns,
): Difference | undefined {
  const rowsOfPeer = (peer[0]?.length ?? 0) - 1;
  if (rows !== rowsOfPeer)
    return { kind: 'rows', sentence: `${rows} rows, of the peer ${rowsOfPeer}` };
  for (const [i, column] of columns.entries()) {
    const difference = differentColumn(column, peer[i]?.slice(1) ?? []);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

/** An empty name becomes `column_<n>`, with more underscores where that is taken. */
const isNameOf = (name: string, text: string, index: number) =>
  text === '' ? name.replace(/_*$/, '') === `column_${index + 1}` : name === text;

function differentColumn(
  { name, type, cells }: TallyColumn,
  texts: readonly Text[],
): Difference | undefined {
  const values = texts.filter((text) => text !== null);
  const areIntegers = values.length > 0 && values.every((text) => integerOf(text) !== undefined);
  if ((type === 'long') !== areIntegers || (type === null) !== (values.length === 0)) {
    const sentence = `${JSON.stringify(name)} is ${type}, of the peer ${areIntegers ? 'integers' : values.length === 0 ? 'nulls' : 'others'}`;
    return { kind: 'types', sentence };
  }
  if (type === null) return undefined;
  for (const [row, text] of texts.entries()) {
    const cell = cells[row] ?? null;
    if (text === null ? cell === null : cell !== null && isSpelledBy(type, cell, text)) continue;
    const shown = typeof cell === 'string' || cell === null ? JSON.stringify(cell) : String(cell);
    const sentence = `row ${row + 1} of ${JSON.stringify(name)} (${type}) is ${shown}, of the peer ${JSON.stringify(text)}`;
    return { kind: 'cells', sentence };
  }
  return undefined;
}

/** Whether a text spells a value, by JavaScript's own readers of numbers and dates. */
function isSpelledBy(type: TallyType, cell: Cell, text: string): boolean {
  const value = text.replace(/^[ \t]+|[ \t]+$/g, '');
  switch (type) {
    case 'string':
      return cell === text;
    case 'long':
      return cell === integerOf(text);
    case 'double':
      return Object.is(cell, Number(value));
    case 'boolean':
      return String(cell) === value.toLowerCase();
    case 'date':
      return typeof cell === 'number' && cell * 86_400_000 === Date.parse(value);
    case 'timestamp':
      return cell === microsOf(value);
  }
}

const timestampRule =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.([0-9]{1,6}))?(Z|[+-][0-9]{2}:?[0-9]{2})?$/;

function microsOf(value: string): bigint | undefined {
  const [, day, time, fraction = '', zone = 'Z'] = timestampRule.exec(value) ?? [];
  if (day === undefined || time === undefined) return undefined;
  const withColon = zone.replace(/^(...)([0-9]{2})$/, '$1:$2');
  const millis = Date.parse(`${day}T${time}${withColon}`);
  if (Number.isNaN(millis)) return undefined;
  return BigInt(millis) * 1000n + BigInt(fraction.padEnd(6, '0'));
}
