import path from 'node:path';
import type { TableServiceV1Implementation, TableSummary } from '@tally/stubs';
import { Status } from 'nice-grpc';
import type { Limits } from '../config.js';
import type { Observed } from '../observe/observe-calls.js';
import { type PagedList, pageStart, pageToken } from '../rpc/pages.js';
import { badRequest, failure } from '../rpc/rich-errors.js';
import { whenOpened } from '../rpc/when-opened.js';
import { aggregateCall } from './aggregate-call.js';
import type { TableState } from './catalog.js';
import { columnTypes } from './column-types.js';
import { checkTableName, existingTable, quoted } from './existing-table.js';
import { exportCall } from './export-call.js';
import { defaultTable } from './files.js';
import type { TableField } from './schema.js';
import { streamedUpload } from './streamed-upload.js';
import type { Table, Tables } from './tables.js';

const tableList: PagedList = { query: ['tables'], sizeMax: 1000, sizeDefault: 100 };
const chunkList = (table: string): PagedList => ({
  query: ['chunks', table],
  sizeMax: 1000,
  sizeDefault: 100,
});

/** Tally's own table service; calls wait until `opening` has resolved. */
export function tableServiceV1(
  opening: Promise<Tables>,
  limits: Limits,
): TableServiceV1Implementation<Observed> {
  const { tablesMax } = limits;
  const open = whenOpened(opening);

  /** The tables once they are open, from when on the call is at `stage`. */
  async function whenOpen({ stages }: Observed, stage: string): Promise<Tables> {
    const tables = await open(stages);
    stages.enter(stage);
    return tables;
  }

  return {
    upload: streamedUpload(opening),

    export: exportCall(opening, limits),

    async createTable({ table: name }, call) {
      checkTableName(name);
      const tables = await whenOpen(call, 'table change');
      const made = await tables.create(name);
      if (made === 'exists') {
        throw failure(Status.ALREADY_EXISTS, `there is a table ${JSON.stringify(name)} already`, {
          reason: 'TABLE_EXISTS',
          field: 'table',
          metadata: { table: name },
        });
      }
      if (made === 'too many') {
        throw failure(
          Status.RESOURCE_EXHAUSTED,
          `there are ${tablesMax} tables, as many as may be (--tables-max of the server)`,
          { reason: 'TOO_MANY_TABLES' },
        );
      }
      return {};
    },

    async listTables(request, call) {
      const { size, after = '' } = pageStart(tableList, request);
      const tables = await whenOpen(call, 'catalog');
      const names = (await tables.names()).filter((name) => name > after);
      const found = await Promise.all(names.slice(0, size).map((name) => tables.find(name)));
      // One that was dropped meanwhile is left out.
      const shown = found.filter((table) => table !== undefined);
      const last = names[size - 1];
      return {
        tables: await Promise.all(shown.map(summaryOf)),
        nextPageToken: last === undefined || names.length <= size ? '' : pageToken(tableList, last),
      };
    },

    async describeTable({ table: name }, call) {
      const table = await existingTable(await whenOpen(call, 'catalog'), name);
      const { fields } = await table.ingest.catalog.state();
      return {
        summary: await summaryOf(table),
        columns: columnsOf(fields),
        deltaPath: path.posix.join('tables', table.name, 'delta'),
      };
    },

    async dropTable({ table: name }, call) {
      checkTableName(name);
      const tables = await whenOpen(call, 'catalog');
      const table = await existingTable(tables, name);
      if (table.name === defaultTable) {
        throw badRequest(
          'table',
          `the table "${defaultTable}" is the one of the service Table, and cannot be dropped`,
          'TABLE_IS_DEFAULT',
        );
      }
      call.stages.enter('table change');
      await tables.drop(table);
      return {};
    },

    async listChunks(request, call) {
      const table = await existingTable(await whenOpen(call, 'catalog'), request.table);
      const list = chunkList(table.name);
      const { size, after = '0' } = pageStart(list, request);
      const chunks = await table.ingest.catalog.chunks(Number(after) + 1, size + 1);
      const shown = chunks.slice(0, size);
      const last = shown.at(-1);
      return {
        chunks: shown.map(({ id, number, rows, csvBytes, parquetBytes, version }) => ({
          chunkId: id,
          number: BigInt(number),
          rows: BigInt(rows),
          csvBytes: BigInt(csvBytes),
          parquetBytes: BigInt(parquetBytes),
          version: BigInt(version),
        })),
        nextPageToken:
          last === undefined || chunks.length <= size ? '' : pageToken(list, String(last.number)),
      };
    },

    aggregate: aggregateCall(opening),

    async deleteChunk({ table: name, chunkId }, call) {
      const table = await existingTable(await whenOpen(call, 'catalog'), name);
      call.stages.enter('commit');
      const version = await table.ingest.catalog.remove(chunkId);
      if (version !== undefined) return { version: BigInt(version) };
      throw failure(
        Status.NOT_FOUND,
        `the table ${JSON.stringify(table.name)} has no chunk ${quoted(chunkId)}: ListChunks lists them`,
        { reason: 'CHUNK_NOT_FOUND', field: 'chunk_id', metadata: { table: table.name } },
      );
    },
  };
}

async function summaryOf({ name, ingest }: Table): Promise<Partial<TableSummary>> {
  const { rows, chunks, removedChunks, csvBytes, parquetBytes, nextVersion }: TableState =
    await ingest.catalog.state();
  return {
    table: name,
    rows: BigInt(rows),
    chunks: BigInt(chunks - removedChunks),
    csvBytes: BigInt(csvBytes),
    parquetBytes: BigInt(parquetBytes),
    ...(nextVersion > 0 && { version: BigInt(nextVersion - 1) }),
  };
}

/** The columns of a table, each with the fields that hold it. */
function columnsOf(fields: readonly TableField[]) {
  const columns = new Map<string, { type: number; deltaColumn: string }[]>();
  for (const { field, type, column } of fields) {
    if (column === null) continue;
    const types = columns.get(column) ?? [];
    types.push({ type: columnTypes[type], deltaColumn: field });
    columns.set(column, types);
  }
  return [...columns].map(([name, types]) => ({ name, types }));
}
