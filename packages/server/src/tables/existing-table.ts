import { Status } from 'nice-grpc';
import { badRequest, failure } from '../rpc/rich-errors.js';
import { isTableName } from './files.js';
import type { Table, Tables } from './tables.js';

/** A name as it is shown in messages: quoted, and cut when it is long. */
export const quoted = (name: string) =>
  JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);

/** Throws INVALID_ARGUMENT for a name that no table can have. */
export function checkTableName(name: string): void {
  if (isTableName(name.toLowerCase())) return;
  throw badRequest(
    'table',
    `the table name ${quoted(name)} is not allowed: a table has 1 to 64 letters (a to z), digits, ` +
      '_ and - for a name, the first one a letter or a digit',
    'TABLE_NAME_INVALID',
  );
}

/** The table that a request names; the default one if it names none. Throws NOT_FOUND. */
export async function existingTable(tables: Tables, name = ''): Promise<Table> {
  if (name === '') return tables.default;
  checkTableName(name);
  const table = await tables.find(name);
  if (table !== undefined) return table;
  throw failure(
    Status.NOT_FOUND,
    `there is no table ${quoted(name)}: CreateTable makes one, ListTables lists them`,
    { reason: 'TABLE_NOT_FOUND', field: 'table', metadata: { table: name } },
  );
}
