import { type FileHandle, open } from 'node:fs/promises';
import { crc32c } from '@node-rs/crc32';
import {
  type ColumnMetaData,
  type FileMetaData,
  parquetMetadata,
  parquetReadObjects,
  type RowGroup,
} from 'hyparquet';
import { ByteWriter, parquetWrite } from 'hyparquet-writer';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import {
  type ChunkRow,
  checkpointColumns,
  checkpointSchema,
  chunkRow,
  type FileRow,
  fileRow,
  headRows,
  type MetaDataAction,
  metaDataOf,
} from './checkpoint-rows.js';

/** A checkpoint is damaged, or not of Tally: the end of a sentence that begins with its file. */
export class CheckpointFault extends Error {}

/** The checkpoint has been removed, when newer ones had taken its place. */
export class CheckpointGone extends CheckpointFault {}

function throwUnreadable(cause: NodeJS.ErrnoException): never {
  const Fault = cause.code === 'ENOENT' ? CheckpointGone : CheckpointFault;
  throw new Fault(`cannot be read (${cause.code})`, { cause });
}

/** What a checkpoint says of itself, as JSON in its footer. */
interface Head {
  readonly version: number;
  /** Of the commit of that version. */
  readonly digest: string;
  /** Chunks that were removed. */
  readonly removed: number;
  /** Rows and CRC32C of each row group. */
  readonly groups: readonly (readonly [rows: number, crc32c: number])[];
}

/** A row group of a checkpoint, and where its bytes are. */
export interface CheckpointGroup {
  readonly from: number;
  readonly rows: number;
  readonly crc32c: number;
  readonly rowGroup: RowGroup;
}

/** A checkpoint that is open for reading. */
export interface Checkpoint {
  readonly version: number;
  readonly digest: string;
  readonly metaData: MetaDataAction;
  /** Chunks that were ever added. */
  readonly chunks: number;
  /** Those of them that were removed. */
  readonly removed: number;
  readonly bytes: number;
  /** Of the chunks, in their order. */
  readonly groups: readonly CheckpointGroup[];
  /** The bytes of a row group. Throws CheckpointFault. */
  bytesOf(group: CheckpointGroup): Promise<Uint8Array>;
  /** The chunks of a row group. Throws CheckpointFault. */
  rowsOf(group: CheckpointGroup): Promise<ChunkRow[]>;
  close(): Promise<void>;
}

const magic = new TextEncoder().encode('PAR1');
const headKey = 'tally';
/** CRC32C of the footer, before it: no reader of Parquet looks there. */
const footerCrcBytes = 4;
/** The length of the footer, and the magic bytes. */
const endBytes = 8;

/** Opens a checkpoint for as long as `use` takes. Throws CheckpointFault, also if it is missing. */
export async function withCheckpoint<T>(
  file: string,
  use: (checkpoint: Checkpoint) => Promise<T>,
): Promise<T> {
  const checkpoint = await openCheckpoint(file);
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/** Opens a checkpoint, which must be closed. Throws CheckpointFault, also if it is missing. */
export async function openCheckpoint(file: string): Promise<Checkpoint> {
  const handle = await open(file, 'r').catch(throwUnreadable);
  try {
    return await readCheckpoint(handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readCheckpoint(handle: FileHandle): Promise<Checkpoint> {
  const { size } = await handle.stat();
  const footer = await readFooter(handle, size);
  const head = headOf(footer);
  const groups = groupsOf(footer, head);
  const [first, ...ofChunks] = groups;
  const last = groups.at(-1);
  const isFilled = last !== undefined && endOf(last) + footerCrcBytes === footer.from;
  if (first === undefined || !isFilled)
    throw new CheckpointFault('is damaged: its parts do not fit');

  async function bytesOf({ from, rowGroup, crc32c: expected }: CheckpointGroup) {
    const bytes = await readBytes(handle, from, bytesIn(rowGroup));
    if (crc32c(bytes) === expected) return bytes;
    throw new CheckpointFault(`is damaged: the checksum of its bytes from ${from} on is wrong`);
  }

  async function fileRows(group: CheckpointGroup): Promise<FileRow[]> {
    const bytes = await bytesOf(group);
    const slice = (from: number, to = size) =>
      bytes.buffer.slice(from - group.from, to - group.from) as ArrayBuffer;
    const metadata = { ...footer.metadata, row_groups: [group.rowGroup] };
    return parquetReadObjects({ file: { byteLength: size, slice }, metadata });
  }

  const parsed = <T>(parse: () => T): T => {
    try {
      return parse();
    } catch {
      throw new CheckpointFault('is damaged: a row of it is none of Tally');
    }
  };

  const rowsOfHead = await fileRows(first);
  return {
    version: head.version,
    digest: head.digest,
    removed: head.removed,
    metaData: parsed(() => metaDataOf(rowsOfHead)),
    chunks: ofChunks.reduce((sum, { rows }) => sum + rows, 0),
    bytes: size,
    groups: ofChunks,
    bytesOf,
    async rowsOf(group) {
      const rows = await fileRows(group);
      return parsed(() => rows.map(chunkRow));
    },
    close: () => handle.close(),
  };
}

interface Footer {
  /** Where it begins. */
  readonly from: number;
  readonly metadata: FileMetaData;
  readonly isWhole: boolean;
}

async function readFooter(handle: FileHandle, size: number): Promise<Footer> {
  const least = magic.length + footerCrcBytes + endBytes;
  const end = size < least ? undefined : await readBytes(handle, size - endBytes, endBytes);
  const bytes = end && Buffer.from(end.buffer).readUInt32LE(0);
  if (bytes === undefined || bytes > size - least) {
    throw new CheckpointFault('is damaged: it has no footer of a Parquet file');
  }
  const from = size - endBytes - bytes;
  const tail = await readBytes(handle, from - footerCrcBytes, size - from + footerCrcBytes);
  const start = await readBytes(handle, 0, magic.length);
  try {
    const metadata = parquetMetadata(tail.slice().buffer);
    const found = crc32c(tail.subarray(footerCrcBytes, footerCrcBytes + bytes));
    const isWhole =
      found === Buffer.from(tail.buffer).readUInt32LE(0) && Buffer.compare(start, magic) === 0;
    return { from, metadata, isWhole };
  } catch {
    throw new CheckpointFault('is damaged: its footer cannot be read');
  }
}

function headOf({ metadata, isWhole }: Footer): Head {
  const head = metadata.key_value_metadata?.find(({ key }) => key === headKey)?.value;
  if (head === undefined) throw new CheckpointFault('is not of Tally: another program has made it');
  if (!isWhole) throw new CheckpointFault('is damaged: the checksum of its footer is wrong');
  return JSON.parse(head);
}

function groupsOf({ metadata }: Footer, { groups }: Head): CheckpointGroup[] {
  let from = magic.length;
  return metadata.row_groups.map((rowGroup, i) => {
    const [rows = 0, crc32c = 0] = groups[i] ?? [];
    const group = { from, rows, crc32c, rowGroup };
    from = endOf(group);
    return group;
  });
}

const endOf = ({ from, rowGroup }: Pick<CheckpointGroup, 'from' | 'rowGroup'>) =>
  from + bytesIn(rowGroup);

function bytesIn({ columns }: RowGroup): number {
  return columns.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_compressed_size), 0);
}

async function readBytes(
  handle: FileHandle,
  from: number,
  count: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(count);
  for (let read = 0; read < count; ) {
    const { bytesRead } = await handle
      .read(bytes, read, count - read, from + read)
      .catch(throwUnreadable);
    if (bytesRead === 0) throw new CheckpointFault('is damaged: it ends too early');
    read += bytesRead;
  }
  return bytes;
}

/** A checkpoint that is being written, a row group at a time. */
export interface CheckpointWriter {
  addChunks(rows: readonly ChunkRow[]): Promise<void>;
  /** Takes over a row group of another checkpoint. */
  copy(group: CheckpointGroup, bytes: Uint8Array): Promise<void>;
  /** Writes the footer; returns how large the file is, and how many rows it has. */
  finish(): Promise<{ readonly bytes: number; readonly rows: number }>;
}

/** Begins a checkpoint of a version in a new file. */
export async function beginCheckpoint(
  handle: FileHandle,
  version: number,
  digest: string,
  removed: number,
  metaData: MetaDataAction,
): Promise<CheckpointWriter> {
  const groups: [rows: number, crc32c: number][] = [];
  const rowGroups: RowGroup[] = [];
  let position = 0;

  async function write(bytes: Uint8Array): Promise<void> {
    await handle.writeFile(bytes);
    position += bytes.length;
  }

  async function addGroup(rowGroup: RowGroup, from: number, bytes: Uint8Array): Promise<void> {
    groups.push([Number(rowGroup.num_rows), crc32c(bytes)]);
    rowGroups.push(moved(rowGroup, position - from));
    await write(bytes);
  }

  async function addRows(rows: readonly FileRow[]): Promise<void> {
    const file = rowGroupFile(rows);
    const [rowGroup] = parquetMetadata(file).row_groups;
    if (rowGroup === undefined) throw new Error('a row group of a checkpoint is missing');
    const from = magic.length;
    await addGroup(rowGroup, from, new Uint8Array(file, from, bytesIn(rowGroup)));
  }

  await write(magic);
  await addRows(headRows(metaData));
  return {
    addChunks: (rows) => addRows(rows.map(fileRow)),
    copy: ({ rowGroup, from }, bytes) => addGroup(rowGroup, from, bytes),
    async finish() {
      const rows = groups.reduce((sum, [rows]) => sum + rows, 0);
      const head: Head = { version, digest, removed, groups };
      const writer = new ByteWriter();
      writeMetadata(writer, {
        version: 2,
        schema: checkpointSchema,
        num_rows: BigInt(rows),
        row_groups: rowGroups,
        created_by: 'tally',
        key_value_metadata: [{ key: headKey, value: JSON.stringify(head) }],
        metadata_length: 0,
      });
      const footer = writer.getBytes();
      const checksum = Buffer.alloc(footerCrcBytes);
      // Behind the footer is its length, which is not of it.
      checksum.writeUInt32LE(crc32c(footer.subarray(0, footer.length - 4)));
      for (const bytes of [checksum, footer, magic]) await write(bytes);
      return { bytes: position, rows };
    },
  };
}

/** A Parquet file of one row group. */
function rowGroupFile(rows: readonly FileRow[]): ArrayBuffer {
  const writer = new ByteWriter();
  parquetWrite({
    writer,
    schema: checkpointSchema,
    columnData: checkpointColumns.map((name) => ({
      name,
      data: rows.map((row) => row[name] ?? null),
      // It would be behind the row group.
      offsetIndex: false,
    })),
    rowGroupSize: rows.length,
    statistics: false,
  });
  return writer.getBuffer();
}

/** A row group whose bytes are elsewhere. */
function moved(rowGroup: RowGroup, by: number): RowGroup {
  const shift = BigInt(by);
  const column = (meta: ColumnMetaData): ColumnMetaData => {
    const { data_page_offset, dictionary_page_offset } = meta;
    return {
      ...meta,
      data_page_offset: data_page_offset + shift,
      ...(dictionary_page_offset !== undefined && {
        dictionary_page_offset: dictionary_page_offset + shift,
      }),
    };
  };
  const columns = rowGroup.columns.map(({ meta_data }) => ({
    file_offset: 0n,
    meta_data: column(meta_data as ColumnMetaData),
  }));
  return { columns, num_rows: rowGroup.num_rows, total_byte_size: rowGroup.total_byte_size };
}
