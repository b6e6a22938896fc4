import type { ColumnType } from '@tally/kernels';

/** A column of one chunk: its name to clients, and its type; null if it has no value at all. */
export interface ScannedColumn {
  readonly name: string;
  readonly type: ColumnType | null;
}

/** A field of the table as Delta Lake knows it: one name and one type for good. */
export interface TableField {
  /** The field's name in Parquet and in the log: unique in the table, ignoring case. */
  readonly field: string;
  readonly type: ColumnType;
  /** The column's name to clients; null for the placeholder, which they do not see. */
  readonly column: string | null;
}

/** A column of one chunk, and the table's field that holds it; null if it has no value there. */
export interface ChunkColumn {
  readonly name: string;
  readonly field: TableField | null;
}

/** How a chunk fits into a table. */
export interface ChunkPlan {
  /** In the order of the chunk's header. */
  readonly columns: readonly ChunkColumn[];
  /** A field without values, for a chunk that has none at all; otherwise null. */
  readonly placeholder: TableField | null;
  /** The table's fields once the chunk is in it: those from before, then the new ones. */
  readonly fields: readonly TableField[];
}

/**
 * Finds a field for every column of a chunk, adding fields to the table where it has none.
 *
 * The first chunk with a value in a column gives it its type. Where a later chunk has another
 * type, its values go to a field of their own, `<column>__<type>`, so that no chunk is refused.
 * A column without values is left out. A chunk without any value gets a placeholder, because
 * neither a Parquet file nor a Delta table without columns can be read (DuckDB 1.5, delta-rs 1.6).
 */
export function planChunk(
  fields: readonly TableField[],
  columns: readonly ScannedColumn[],
): ChunkPlan {
  const known = new Map(fields.map((field) => [keyOf(field.column, field.type), field]));
  const named = new Set(fields.map((field) => field.column));
  const taken = fieldNames(fields);
  const added: TableField[] = [];

  function fieldFor(column: string | null, type: ColumnType): TableField {
    const existing = known.get(keyOf(column, type));
    if (existing !== undefined) return existing;
    const wanted = named.has(column) ? `${column}__${type}` : (column ?? placeholderName);
    const field = { field: taken.add(wanted), type, column };
    added.push(field);
    return field;
  }

  const planned = columns.map(({ name, type }) => ({
    name,
    field: type === null ? null : fieldFor(name, type),
  }));
  const valueless = planned.every(({ field }) => field === null);
  const placeholder = valueless ? fieldFor(null, 'boolean') : null;
  return { columns: planned, placeholder, fields: [...fields, ...added] };
}

const placeholderName = 'tally_no_values';

const keyOf = (column: string | null, type: ColumnType) => JSON.stringify([column, type]);

/**
 * The names of a table's fields; `add` makes one of `wanted` that is free, ignoring case.
 *
 * A name has no character that Delta Lake refuses at reader version 1: none of ` ,;{}()=`, tabs
 * and newlines (PROTOCOL.md, "Column Mapping"), nor other control characters. It has no dot,
 * which parquet-wasm takes for a nested field, and no byte order mark, which readers drop. And no
 * name begins with another that is not ASCII: parquet-wasm 0.8 panics over `é` beside `éa`,
 * because it counts bytes where it means characters.
 */
function fieldNames(fields: readonly TableField[]) {
  const taken = new Set(fields.map(({ field }) => field.toLowerCase()));
  const beyondAscii = fields.map(({ field }) => field).filter((name) => !isAscii(name));

  const isFree = (name: string) =>
    !taken.has(name.toLowerCase()) &&
    (isAscii(name) ||
      beyondAscii.every((other) => !name.startsWith(other) && !other.startsWith(name)));

  return {
    add(wanted: string): string {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
      const safe = wanted.replace(/[ ,;{}()=.\u0000-\u001f\u007f\ufeff]/g, '_');
      const plain = safe.replace(/[^ -~]/gu, '_');
      let name = isFree(safe) ? safe : plain;
      for (let n = 2; !isFree(name); n++) name = `${plain}_${n}`;
      taken.add(name.toLowerCase());
      if (!isAscii(name)) beyondAscii.push(name);
      return name;
    },
  };
}

const isAscii = (name: string) => /^[ -~]*$/.test(name);

/** Whether two plans put every column of the chunk into the same field. */
export function samePlan(a: ChunkPlan, b: ChunkPlan): boolean {
  const fieldsOf = ({ columns, placeholder }: ChunkPlan) =>
    [...columns.map(({ field }) => field), placeholder].map((field) => field?.field);
  const [ofA, ofB] = [fieldsOf(a), fieldsOf(b)];
  return ofA.every((field, i) => field === ofB[i]);
}
