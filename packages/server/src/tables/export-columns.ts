import { badRequest } from '../rpc/rich-errors.js';
import type { ArrowColumn } from './arrow-ipc.js';
import { columnNotFound, columnsMax, quoted } from './existing-table.js';
import type { ColumnEntry } from './index-entry.js';
import type { Table } from './tables.js';

/** Throws INVALID_ARGUMENT for columns that are too many, or named twice. */
export function checkExportedColumns(names: readonly string[]): void {
  if (names.length > columnsMax) {
    const sentence = `${names.length} columns are named: 1 to ${columnsMax} are allowed, or none for all`;
    throw badRequest('columns', sentence, 'COLUMNS_INVALID');
  }
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return;
  const sentence = `the column ${quoted(twice)} is named twice: each may be named once`;
  throw badRequest('columns', sentence, 'COLUMNS_INVALID');
}

/** The columns of a stream; a mixed one has several types, and is read from the CSV files. */
export type ExportedColumn = ArrowColumn & { readonly isMixed: boolean };

/**
 * The columns that are asked for, with the types that they have in a version of the table; if none
 * is, all that have a value there. Throws NOT_FOUND, and INVALID_ARGUMENT if they are too many.
 */
export async function exportedColumns(
  table: Table,
  names: readonly string[],
  version: number,
): Promise<ExportedColumn[]> {
  const { catalog } = table.ingest;
  const { fields } = await catalog.state();
  const typesOf = (name: string) => {
    const known = fields.filter(({ column }) => column === name);
    return catalog.typesAt(name, version, known.length);
  };
  const columns: ExportedColumn[] = [];
  for (const name of names) {
    const types = await typesOf(name);
    if (types.size === 0) throw columnNotFound(table, name);
    columns.push(columnOf(name, types));
  }
  if (names.length > 0) return columns;
  for (const name of new Set(fields.map(({ column }) => column))) {
    if (name === null) continue;
    const types = await typesOf(name);
    if ([...types].some((type) => type !== null)) columns.push(columnOf(name, types));
    if (columns.length > columnsMax) throw tooManyColumns(table);
  }
  return columns;
}

function columnOf(name: string, types: ReadonlySet<ColumnEntry['type']>): ExportedColumn {
  const [type = 'string', ...others] = [...types].filter((one) => one !== null);
  const isMixed = others.length > 0;
  return { name, type: isMixed ? 'string' : type, isMixed };
}

const tooManyColumns = ({ name }: Table) =>
  badRequest(
    'columns',
    `the table ${JSON.stringify(name)} has more than ${columnsMax} columns: name 1 to ${columnsMax} of them`,
    'COLUMNS_INVALID',
  );
