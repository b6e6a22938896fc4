import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  Field,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableToIPC,
} from 'apache-arrow';
import {
  Compression,
  Encoding,
  initSync,
  Table as WasmTable,
  WriterPropertiesBuilder,
  WriterVersion,
  writeParquet,
} from 'parquet-wasm/esm';

initSync({
  module: readFileSync(fileURLToPath(import.meta.resolve('parquet-wasm/esm/parquet_wasm_bg.wasm'))),
});

/** How a column is laid out in a file. */
export interface Layout {
  readonly int32: boolean;
  readonly encoding: 'plain' | 'delta' | 'dictionary';
  readonly version2: boolean;
  readonly snappy: boolean;
  readonly pageBytes: number;
  readonly rowGroupRows: number;
}

/** A Parquet file with one column, written by parquet-wasm. */
export function writeColumn(values: readonly (bigint | null)[], layout: Layout): Uint8Array {
  const { int32, encoding, version2, snappy, pageBytes, rowGroupRows } = layout;
  const name = 'v';
  const builder = new WriterPropertiesBuilder()
    .setWriterVersion(version2 ? WriterVersion.V2 : WriterVersion.V1)
    .setCompression(snappy ? Compression.SNAPPY : Compression.UNCOMPRESSED)
    .setDictionaryEnabled(encoding === 'dictionary')
    .setDataPageSizeLimit(pageBytes)
    .setWriteBatchSize(64)
    .setMaxRowGroupSize(rowGroupRows);
  const properties =
    encoding === 'dictionary'
      ? builder
      : builder.setEncoding(encoding === 'delta' ? Encoding.DELTA_BINARY_PACKED : Encoding.PLAIN);
  const ipc = tableToIPC(arrowTable(name, values, int32), 'stream');
  return writeParquet(WasmTable.fromIPCStream(ipc), properties.build());
}

function arrowTable(name: string, values: readonly (bigint | null)[], int32: boolean): Table {
  const nullBitmap = new Uint8Array((values.length + 7) >> 3);
  for (const [i, value] of values.entries()) {
    if (value !== null) nullBitmap[i >> 3] = (nullBitmap[i >> 3] ?? 0) | (1 << (i & 7));
  }
  const nullCount = values.filter((value) => value === null).length;
  const common = { length: values.length, nullCount, nullBitmap };
  const child = int32
    ? makeData({
        type: new Int32(),
        data: Int32Array.from(values, (value) => Number(value ?? 0n)),
        ...common,
      })
    : makeData({
        type: new Int64(),
        data: BigInt64Array.from(values, (value) => value ?? 0n),
        ...common,
      });
  const schema = new Schema([new Field(name, child.type, true)]);
  const type = new Struct(schema.fields);
  const data = makeData({ type, length: values.length, nullCount: 0, children: [child] });
  return new Table(schema, new RecordBatch(schema, data));
}
