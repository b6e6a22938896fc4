import type { TableServiceClient } from '@tally/stubs';
import type { Table as ArrowTable } from 'apache-arrow';
import type { DeadlineOptions } from 'nice-grpc-client-middleware-deadline';
import { type CallDefaults, type CallOptions, readRepetition } from './call-options.js';
import { repeatedStream } from './repeated-call.js';

/** What can be said of an export. */
export interface ExportOptions extends CallOptions {
  /** The table; default: the default table. */
  readonly table?: string | undefined;
  /** The columns; default: all. */
  readonly columns?: readonly string[] | undefined;
  /** The version of the table to look at; default: the latest. */
  readonly version?: number | undefined;
}

/** The bytes of an Arrow IPC stream, piece by piece. It is asked for when the first piece is. */
export async function* exportBytes(
  client: TableServiceClient<DeadlineOptions>,
  defaults: CallDefaults,
  options: ExportOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { table = '', columns = [], version, deadlineMs } = options;
  const request = {
    table,
    columns: [...columns],
    ...(version !== undefined && { version: BigInt(version) }),
  };
  // It comes as slowly as it is read.
  const repetition = { ...readRepetition(defaults, options), deadlineMs };
  for await (const { arrowIpc } of repeatedStream(repetition, (call) =>
    client.export(request, call),
  )) {
    yield arrowIpc;
  }
}

/** Reads an Arrow IPC stream whole. */
export async function arrowTable(bytes: AsyncIterable<Uint8Array>): Promise<ArrowTable> {
  // Here, because it takes a while to load, and few programs need it.
  const { tableFromIPC } = await import('apache-arrow');
  return tableFromIPC(bytes);
}
