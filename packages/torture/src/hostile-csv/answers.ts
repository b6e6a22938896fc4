/** A field as a peer reads it: its text without quotes, or null. */
export type Text = string | null;

/** What a peer says about a file that it is given as one without a header, all of it texts. */
export type PeerAnswer =
  | { readonly columns: readonly (readonly Text[])[] }
  | { readonly refusal: string };

/** A reader of CSV files that is not Tally. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  read(bytes: Buffer, columns: number): Promise<PeerAnswer>;
  close(): Promise<void>;
}

/** A value of Tally's Parquet file; dates as days since 1970, timestamps as microseconds. */
export type Cell = bigint | number | boolean | string | null;

export type TallyType = 'long' | 'double' | 'boolean' | 'date' | 'timestamp' | 'string';

/** A column as Tally keeps it. */
export interface TallyColumn {
  readonly name: string;
  /** Null if it has no value. */
  readonly type: TallyType | null;
  /** Empty if it has no value. */
  readonly cells: readonly Cell[];
  /** Of integers: the sum that both formats give. */
  readonly sum: bigint | undefined;
}

export type TallyAnswer =
  | { readonly rows: number; readonly columns: readonly TallyColumn[] }
  | { readonly refusal: string };
