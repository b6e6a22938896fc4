import type { ColumnType } from '@tally/kernels';
import { ColumnType as TypeOnWire } from '@tally/stubs';

/** The types of columns, and how tally.v1 names them. */
export const columnTypes: Readonly<Record<ColumnType, TypeOnWire>> = {
  long: TypeOnWire.COLUMN_TYPE_INT64,
  double: TypeOnWire.COLUMN_TYPE_DOUBLE,
  boolean: TypeOnWire.COLUMN_TYPE_BOOLEAN,
  date: TypeOnWire.COLUMN_TYPE_DATE,
  timestamp: TypeOnWire.COLUMN_TYPE_TIMESTAMP,
  string: TypeOnWire.COLUMN_TYPE_STRING,
};
