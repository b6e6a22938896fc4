/** A write that a client sends. */
export type Write =
  | { readonly kind: 'number'; readonly key: string; readonly value: number }
  | { readonly kind: 'chunk'; readonly column: string; readonly digit: number };

/**
 * What is known of a write: that the server has it for good, that it has not, or `open`: whether it
 * has it shows after a restart.
 */
export type Fate = 'kept' | 'refused' | 'open';

export interface Entry {
  readonly write: Write;
  fate: Fate;
}

/** All writes that were sent to one data folder, in the order in which they were sent. */
export interface Ledger {
  readonly entries: readonly Entry[];
  /** Adds a write that is about to be sent. */
  add(write: Write): Entry;
  /** A write of a number that differs from the key's other ones of late. */
  nextNumber(): Write;
  /** A write of a chunk that a column's sum tells from all others. */
  nextChunk(): Write;
}

/** Few, so that values are overwritten. */
const keys = 6;
/** The values whose factorials differ and fit into int64. */
const [valueMin, valueMax] = [2, 20];
/** A chunk adds one of these to the sum of its column, three times: they fit into int64 together. */
export const digitsPerColumn = 30;

export const chunkRowValue = (digit: number): bigint => 4n ** BigInt(digit);

export function createLedger(): Ledger {
  const entries: Entry[] = [];
  let numbers = 0;
  let chunks = 0;
  return {
    entries,
    add(write) {
      const entry: Entry = { write, fate: 'open' };
      entries.push(entry);
      return entry;
    },
    nextNumber() {
      const value = valueMin + (numbers % (valueMax - valueMin + 1));
      return { kind: 'number', key: `key ${numbers++ % keys}`, value };
    },
    nextChunk() {
      const column = `x${Math.floor(chunks / digitsPerColumn)}`;
      return { kind: 'chunk', column, digit: chunks++ % digitsPerColumn };
    },
  };
}
