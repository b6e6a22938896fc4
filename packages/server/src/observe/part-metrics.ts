import type { Numbers } from '../numbers/service.js';
import type { Admissions } from '../rpc/admission.js';
import type { Connections } from '../rpc/connections.js';
import type { Tables } from '../tables/tables.js';
import { addCaches, addPools, type MetricSink } from './metric-sink.js';

/** The parts of a server that open one after the other, if it has them. */
export interface OpenedParts {
  numbers: Promise<Numbers> | undefined;
  tables: Promise<Tables> | undefined;
}

/** What the metrics of a server are read from. */
export interface MeasuredParts {
  readonly admissions: Admissions;
  readonly connections: Connections;
  /** When the certificate ends; undefined without TLS. */
  expiresAtSeconds(): number | undefined;
  readonly opened: OpenedParts;
}

/** Adds what is known of a server's parts, as they open. */
export function addServerMetrics(sink: MetricSink, parts: MeasuredParts): void {
  addAdmissions(sink, parts);
  let numbers: Numbers | undefined;
  let tables: Tables | undefined;
  parts.opened.numbers?.then((opened) => {
    numbers = opened;
  }, ignore);
  parts.opened.tables?.then((opened) => {
    tables = opened;
  }, ignore);
  addPools(sink, {
    factorials: () => numbers?.factorials.pool(),
    uploads: () => tables?.pools().ingest,
    sums: () => tables?.pools().sum,
  });
  addCaches(sink, {
    factorials: () => numbers?.factorials.stats(),
    sums: () => tables?.sumCache(),
    columns: () => tables?.columnCache(),
  });
  if (parts.opened.numbers !== undefined) {
    const count = () => Number(numbers?.store.totals().count ?? 0);
    sink.gauge('tally_numbers', 'Named integers.', count);
  }
  if (parts.opened.tables !== undefined) addTables(sink, () => tables);
}

// Whoever waits for the part says why it did not open.
const ignore = () => {};

function addAdmissions(
  sink: MetricSink,
  { admissions, connections, expiresAtSeconds }: MeasuredParts,
): void {
  const both = (of: 'admittedBytes' | 'waitingCalls' | 'waitingBytes') =>
    new Map([
      ['small', () => admissions.stats()[of].small],
      ['large', () => admissions.stats()[of].large],
    ]);
  sink.gauges(
    'tally_admitted_bytes',
    'Memory that messages are let in to, by the gate they pass: small ones are of up to 64 KiB.',
    'gate',
    both('admittedBytes'),
  );
  sink.gauges('tally_waiting_calls', 'Calls that wait for it.', 'gate', both('waitingCalls'));
  sink.gauges('tally_waiting_bytes', 'What they will bring.', 'gate', both('waitingBytes'));
  sink.gauge(
    'tally_streams_in_progress',
    'Streams that are being sent.',
    () => admissions.stats().streams,
  );
  sink.gauge('tally_connections', 'Connections of clients.', () => connections.count());
  if (expiresAtSeconds() !== undefined) {
    sink.gauge(
      'tally_tls_certificate_expiry_seconds',
      "When the server's certificate ends, in seconds since 1970.",
      expiresAtSeconds,
    );
  }
}

function addTables(sink: MetricSink, tables: () => Tables | undefined): void {
  const added = (of: 'chunks' | 'rows' | 'csvBytes' | 'parquetBytes') => () =>
    tables()?.added()[of];
  sink.counter('tally_chunks_added_total', 'Chunks that uploads have added.', added('chunks'));
  sink.counter('tally_rows_added_total', 'Rows that uploads have added.', added('rows'));
  sink.counters(
    'tally_bytes_added_total',
    'Bytes of files that uploads have added.',
    'format',
    new Map([
      ['csv', added('csvBytes')],
      ['parquet', added('parquetBytes')],
    ]),
  );
  const sizes = [
    ['tally_table_chunks', 'Chunks of a table that has been used since the start.', 'chunks'],
    ['tally_table_rows', 'Rows of such a table.', 'rows'],
    ['tally_table_csv_bytes', 'Bytes of its CSV files.', 'csvBytes'],
    ['tally_table_parquet_bytes', 'Bytes of its Parquet files.', 'parquetBytes'],
  ] as const;
  for (const [name, help, of] of sizes) {
    sink.varyingGauges(name, help, 'table', async () => {
      const all = (await tables()?.sizes()) ?? [];
      return new Map(all.map((size) => [size.table, size[of]]));
    });
  }
}
