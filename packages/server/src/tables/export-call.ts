import type { DeepPartial, ExportRequest, ExportResponse } from '@tally/stubs';
import { type CallContext, Status } from 'nice-grpc';
import type { Limits } from '../config.js';
import { type Stages, sending } from '../observe/call-record.js';
import type { Observed } from '../observe/observe-calls.js';
import { AdmissionGate } from '../rpc/admission-gate.js';
import { failure } from '../rpc/rich-errors.js';
import { whenOpened } from '../rpc/when-opened.js';
import { TableStoppedError } from './catalog.js';
import { areChecked } from './checked-files.js';
import { existingTable, versionOf } from './existing-table.js';
import type { ExportedPart } from './export.js';
import { type RestOfTable, restOfTable } from './export-chunks.js';
import { checkExportedColumns, type ExportedColumn, exportedColumns } from './export-columns.js';
import { createHeldPart } from './held-part.js';
import { createStop, orAborted, stoppedBy } from './stop.js';
import type { Table, Tables } from './tables.js';

type Response = DeepPartial<ExportResponse>;

/** A thread reads on until it has so many bytes, so that small chunks share a way to it. */
const partBytesWanted = 1024 * 1024;
/** Row groups that all calls may hold together until their clients have taken them. */
const heldRowGroups = 2;

const endOfStream = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);

/** Export of tally.v1; calls wait until `opening` has resolved. */
export function exportCall(opening: Promise<Tables>, limits: Limits) {
  const bytesMax = heldRowGroups * limits.rowGroupBytesMax;
  const gate = new AdmissionGate({ ...limits, bytesMax });
  const open = whenOpened(opening);

  return async function* exportTable(
    request: ExportRequest,
    { signal, metadata, peer, trailer, stages }: CallContext & Observed,
  ): AsyncGenerator<Response> {
    const checked = areChecked(metadata);
    if (typeof checked === 'string') {
      throw failure(Status.INVALID_ARGUMENT, checked, { reason: 'METADATA_INVALID' });
    }
    checkExportedColumns(request.columns);
    const tables = await open(stages);
    stages.enter('catalog');
    const table = await existingTable(tables, request.table);
    const held = createHeldPart(gate, peer, limits, signal);
    try {
      const version = await versionOf(table, request.version);
      const columns = await exportedColumns(table, request.columns, version);
      const rest = restOfTable(table, columns, version, checked);
      for (let isFirst = true; (await rest.load()) || isFirst; isFirst = false) {
        stages.enter('room wait');
        await held.reserve(rest.bytesAtMost());
        const part = await nextPart(table, columns, rest, isFirst, limits, signal, stages);
        rest.advance(part);
        stages.enter(sending);
        yield* held.send(part.messages);
        stages.enter('catalog');
      }
      yield { arrowIpc: endOfStream };
      if (checked) trailer.set('tally-files-checked', String(rest.filesChecked));
    } catch (error) {
      if (!(error instanceof TableStoppedError)) throw error;
      throw failure(Status.UNAVAILABLE, error.message, { reason: 'TABLE_STOPPED' });
    } finally {
      held.release();
    }
  };
}

/** Has a thread make the next part. Throws DATA_LOSS, and the signal's reason once it is aborted. */
async function nextPart(
  { name, ingest: { pool, catalog } }: Table,
  columns: readonly ExportedColumn[],
  rest: RestOfTable,
  isFirst: boolean,
  limits: Limits,
  signal: AbortSignal,
  stages: Stages,
): Promise<ExportedPart> {
  const stop = createStop();
  const part = await stoppedBy(signal, stop, () =>
    orAborted(
      signal,
      pool.exportRows(
        {
          columns,
          chunks: rest.chunks,
          from: rest.position,
          isFirst,
          bytesWanted: partBytesWanted,
          bytesMax: limits.rowGroupBytesMax / 4,
          limits,
          stop,
        },
        stages,
      ),
    ),
  );
  if (!('fault' in part)) return part;
  // The files of a table that was dropped are gone: it says so.
  await catalog.state();
  const where = `in chunk ${rest.numberOf(part.index)}, ${part.fault}`;
  throw failure(
    Status.DATA_LOSS,
    `the table ${JSON.stringify(name)} cannot be exported: ${where}`,
    { reason: 'FILE_DAMAGED' },
  );
}
