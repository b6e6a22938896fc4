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

/** The most columns that a request names. */
export const columnsMax = 1000;

/** NOT_FOUND for a column that no chunk has. */
export const columnNotFound = ({ name }: Table, column: string) =>
  failure(
    Status.NOT_FOUND,
    `the table ${JSON.stringify(name)} has no column ${quoted(column)}: DescribeTable lists them`,
    { reason: 'COLUMN_NOT_FOUND', field: 'columns', metadata: { table: name } },
  );

/** The version to look at; -1 if there is none yet. Throws OUT_OF_RANGE. */
export async function versionOf(table: Table, asked: bigint | undefined): Promise<number> {
  const { nextVersion } = await table.ingest.catalog.state();
  const latest = nextVersion - 1;
  if (asked === undefined) return latest;
  if (asked >= 0n && asked <= BigInt(latest)) return Number(asked);
  const has = latest < 0 ? 'it has none yet' : `0 to ${latest} are there`;
  throw failure(
    Status.OUT_OF_RANGE,
    `the table ${JSON.stringify(table.name)} has no version ${asked}: ${has}`,
    { reason: 'VERSION_NOT_FOUND', field: 'version', metadata: { latest: String(latest) } },
  );
}
