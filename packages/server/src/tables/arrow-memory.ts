// A record batch is read where parquet-wasm has decoded it, in the structures of Arrow's C data
// interface (https://arrow.apache.org/docs/format/CDataInterface.html) with 32-bit pointers.
// Copied out by parquet-wasm, each would be garbage of megabytes in each of eight threads.

/** A column of a record batch, in parquet-wasm's memory. */
export interface ColumnInMemory {
  readonly memory: ArrayBuffer;
  readonly name: string;
  /** Arrow's format string: `l` is int64, `tsu:UTC` an instant in microseconds. */
  readonly format: string;
  readonly length: number;
  readonly nulls: number;
  readonly offset: number;
  /** Of each buffer; 0 for a bitmap of nulls that is not there. */
  readonly addresses: readonly number[];
}

/** The columns of a record batch, which hold until parquet-wasm is called again. */
export function columnsInMemory(
  memory: ArrayBuffer,
  schemaAddress: number,
  arrayAddress: number,
): ColumnInMemory[] {
  const view = new DataView(memory);
  const pointer = (address: number) => view.getUint32(address, true);
  const integer = (address: number) => Number(view.getBigInt64(address, true));
  const pointers = (address: number, count: number) =>
    Array.from({ length: count }, (_, i) => pointer(address + 4 * i));
  const schemas = pointers(pointer(schemaAddress + 32), integer(schemaAddress + 24));
  const arrays = pointers(pointer(arrayAddress + 44), schemas.length);
  return schemas.map((schema, i) => {
    const array = arrays[i] as number;
    return {
      memory,
      name: text(memory, pointer(schema + 4)),
      format: text(memory, pointer(schema)),
      length: integer(array),
      nulls: integer(array + 8),
      offset: integer(array + 16),
      addresses: pointers(pointer(array + 40), integer(array + 24)),
    };
  });
}

const decoder = new TextDecoder();

/** A text that a zero byte ends. */
function text(memory: ArrayBuffer, address: number): string {
  const bytes = new Uint8Array(memory, address);
  return decoder.decode(bytes.subarray(0, bytes.indexOf(0)));
}

/** Bits of a column from its offset on, in whole bytes: where they are, or shifted into a copy. */
export function bitsOf({ memory, offset, length }: ColumnInMemory, address: number): Uint8Array {
  const bits = new Uint8Array(memory, address + (offset >> 3), ((offset & 7) + length + 7) >> 3);
  const shift = offset & 7;
  if (shift === 0) return bits;
  return Uint8Array.from({ length: (length + 7) >> 3 }, (_, i) => {
    return ((bits[i] as number) >> shift) | ((bits[i + 1] ?? 0) << (8 - shift));
  });
}

/** Which values of a column are not null, a bit for each; undefined if none is. */
export function validityOf(column: ColumnInMemory): Uint8Array | undefined {
  const [address = 0] = column.addresses;
  return column.nulls === 0 || address === 0 ? undefined : bitsOf(column, address);
}

/** The values of a column that has `width` bytes for each. */
export function valuesOf(
  { memory, offset, length, addresses }: ColumnInMemory,
  width: number,
): Uint8Array {
  return new Uint8Array(memory, (addresses[1] ?? 0) + offset * width, length * width);
}

/** The texts of a column: where each begins and ends in all of their bytes. */
export function textsOf({ memory, offset, length, addresses }: ColumnInMemory): {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
} {
  const offsets = new Int32Array(memory, (addresses[1] ?? 0) + offset * 4, length + 1);
  const [first = 0, end = 0] = [offsets[0], offsets[length]];
  const bytes = new Uint8Array(memory, (addresses[2] ?? 0) + first, end - first);
  return { offsets: first === 0 ? offsets : offsets.map((at) => at - first), bytes };
}
