import type { SchemaElement } from 'hyparquet';

// What the rows of a checkpoint are (https://github.com/delta-io/delta/blob/master/PROTOCOL.md,
// "Checkpoint Schema"). First come the protocol and the metadata, then every chunk that was ever
// added, in their order: an `add`, or a `remove` of one that was removed. What the protocol has no
// place for is in a column of Tally's own, `tally`, which other engines do not read.

/** The `metaData` action of a commit. */
export interface MetaDataAction {
  readonly id: string;
  readonly format: {
    readonly provider: string;
    readonly options: Readonly<Record<string, string>>;
  };
  readonly schemaString: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, string>>;
  readonly createdTime: number;
}

/** What the `add` action of a chunk's commit says of it. */
export interface AddedFile {
  readonly path: string;
  readonly size: number;
  readonly modificationTime: number;
  readonly stats: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** A chunk in a checkpoint, which may have been removed. */
export interface ChunkRow {
  readonly add: AddedFile;
  /** Of the commit that has added it. */
  readonly version: number;
  readonly removed?: RemovalOfChunk | undefined;
}

export interface RemovalOfChunk {
  /** Of the commit that has removed it. */
  readonly version: number;
  readonly deletionTimestamp: number;
  /** Of the `remove` action. */
  readonly tags: Readonly<Record<string, string>>;
}

const text = (name: string, repetition: 'OPTIONAL' | 'REQUIRED' = 'OPTIONAL'): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  logical_type: { type: 'STRING' },
  repetition_type: repetition,
});

const plain = (name: string, type: 'BOOLEAN' | 'INT32' | 'INT64'): SchemaElement => ({
  name,
  type,
  repetition_type: 'OPTIONAL',
});

const group = (name: string, ...fields: readonly (readonly SchemaElement[])[]) => [
  { name, repetition_type: 'OPTIONAL', num_children: fields.length } satisfies SchemaElement,
  ...fields.flat(),
];

const map = (name: string): SchemaElement[] => [
  {
    name,
    repetition_type: 'OPTIONAL',
    num_children: 1,
    converted_type: 'MAP',
    logical_type: { type: 'MAP' },
  },
  { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
  text('key', 'REQUIRED'),
  text('value'),
];

const listOfTexts = (name: string): SchemaElement[] => [
  {
    name,
    repetition_type: 'OPTIONAL',
    num_children: 1,
    converted_type: 'LIST',
    logical_type: { type: 'LIST' },
  },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  text('element'),
];

const columns: readonly SchemaElement[][] = [
  group('protocol', [plain('minReaderVersion', 'INT32')], [plain('minWriterVersion', 'INT32')]),
  group(
    'metaData',
    [text('id')],
    group('format', [text('provider')], map('options')),
    [text('schemaString')],
    listOfTexts('partitionColumns'),
    map('configuration'),
    [plain('createdTime', 'INT64')],
  ),
  group(
    'add',
    [text('path')],
    map('partitionValues'),
    [plain('size', 'INT64')],
    [plain('modificationTime', 'INT64')],
    [plain('dataChange', 'BOOLEAN')],
    [text('stats')],
    map('tags'),
  ),
  group(
    'remove',
    [text('path')],
    [plain('deletionTimestamp', 'INT64')],
    [plain('dataChange', 'BOOLEAN')],
  ),
  [text('tally')],
];

/** The schema of the Parquet file. */
export const checkpointSchema: SchemaElement[] = [
  { name: 'schema', num_children: columns.length },
  ...columns.flat(),
];

/** The names of the file's columns. */
export const checkpointColumns: readonly string[] = columns.map(([first]) => first?.name ?? '');

/** A row of the file: its columns by name. */
export type FileRow = Readonly<Record<string, unknown>>;

/** The rows that are of no chunk. */
export const headRows = (metaData: MetaDataAction): FileRow[] => [
  { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
  { metaData: { ...metaData, createdTime: BigInt(metaData.createdTime) } },
];

/** The metadata in a file's first rows; throws a TypeError if there is none. */
export function metaDataOf(rows: readonly FileRow[]): MetaDataAction {
  const found = rows.find(({ metaData }) => metaData)?.metaData as MetaDataAction;
  return { ...found, createdTime: Number(found.createdTime) };
}

/** What the column `tally` has, as JSON. */
interface TallyColumn {
  readonly version: number;
  readonly removed?: { readonly version: number; readonly tags: RemovalOfChunk['tags'] };
  /** Of a chunk that was removed. */
  readonly add?: AddedFile;
}

/** A chunk as a row of the file: no reader must take it for a change. */
export function fileRow({ add, version, removed }: ChunkRow): FileRow {
  if (removed === undefined) {
    const { path, size, modificationTime, stats, tags } = add;
    const big = { size: BigInt(size), modificationTime: BigInt(modificationTime) };
    return {
      add: { path, partitionValues: {}, ...big, dataChange: false, stats, tags },
      tally: JSON.stringify({ version } satisfies TallyColumn),
    };
  }
  const { deletionTimestamp, tags } = removed;
  const tally: TallyColumn = { version, removed: { version: removed.version, tags }, add };
  return {
    remove: {
      path: add.path,
      deletionTimestamp: BigInt(deletionTimestamp),
      dataChange: false,
    },
    tally: JSON.stringify(tally),
  };
}

/** A row of the file as a chunk; throws an Error if it is not of one. */
export function chunkRow(row: FileRow): ChunkRow {
  const { version, removed, add: before }: TallyColumn = JSON.parse(String(row.tally));
  const tombstone = row.remove as { readonly deletionTimestamp: bigint } | null | undefined;
  if (tombstone && removed !== undefined && before !== undefined) {
    const deletionTimestamp = Number(tombstone.deletionTimestamp);
    return { add: before, version, removed: { ...removed, deletionTimestamp } };
  }
  const { path, size, modificationTime, stats, tags } = row.add as AddedFile;
  const numbers = { size: Number(size), modificationTime: Number(modificationTime) };
  return { add: { path, ...numbers, stats, tags }, version };
}
