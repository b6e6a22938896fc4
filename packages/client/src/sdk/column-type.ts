import { ColumnType as WireType } from '@tally/stubs';

/** The type of a column. */
export type ColumnType = 'int64' | 'double' | 'boolean' | 'date' | 'timestamp' | 'string';

const wireTypes: Readonly<Record<ColumnType, WireType>> = {
  int64: WireType.COLUMN_TYPE_INT64,
  double: WireType.COLUMN_TYPE_DOUBLE,
  boolean: WireType.COLUMN_TYPE_BOOLEAN,
  date: WireType.COLUMN_TYPE_DATE,
  timestamp: WireType.COLUMN_TYPE_TIMESTAMP,
  string: WireType.COLUMN_TYPE_STRING,
};

/** The names of all types. */
export const columnTypes = Object.keys(wireTypes) as readonly ColumnType[];

/** The type on the wire. */
export const wireTypeOf = (type: ColumnType): WireType => wireTypes[type];

/** The type by its name; undefined if there is no value yet, or if this version does not know it. */
export const columnTypeOf = (wire: WireType): ColumnType | undefined =>
  columnTypes.find((type) => wireTypes[type] === wire);
