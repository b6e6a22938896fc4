import { readFile } from 'node:fs/promises';

/** The functions that the WebAssembly module exports; addresses and lengths are in bytes. */
export interface KernelExports {
  readonly memory: WebAssembly.Memory;
  inputAddress(): number;
  inputBytes(): number;
  sumLow(): bigint;
  sumHigh(): bigint;
  beginColumnChunk(int32: number, snappy: number, optional: number, bounds: number): void;
  addPages(length: number): number;
  addLongs(count: number): void;
  rowCount(): bigint;
  nonNullCount(): bigint;
  beginCsvSum(column: number, columns: number): void;
  sumCsv(length: number, isLast: number): number;
  aggregateCsvLongs(length: number, isLast: number): number;
  aggregateCsvDoubles(length: number, isLast: number): number;
  countCsv(length: number, isLast: number): number;
  csvRowCount(): bigint;
  csvValueCount(): bigint;
  addDoubleText(length: number): number;
  isOfType(type: number, length: number): number;
  leastLong(): bigint;
  greatestLong(): bigint;
  resetDoubles(): void;
  addDoubles(count: number): void;
  doubleBins(): number;
  doubleLows(): number;
  doubleHighs(): number;
  specialDoubles(): number;
  leastDouble(): number;
  greatestDouble(): number;
  areNegativeZeros(): number;
  columnsMax(): number;
  beginScan(address: number, columns: number, fieldBytesMax: number, rowBytesMax: number): void;
  scannedTypes(column: number): number;
  beginConversion(
    address: number,
    columns: number,
    fieldBytesMax: number,
    rowBytesMax: number,
    rowsMax: number,
  ): void;
  setColumn(column: number, type: number, values: number, validity: number): void;
  setTexts(address: number, wanted: number, max: number): void;
  beginRowGroup(): void;
  readRows(offset: number, length: number, isLast: number): number;
  isRowGroupFull(): number;
  rowGroupRows(): number;
  rowGroupNulls(column: number): number;
  gatherTexts(column: number, from: number, to: number, offsets: number, target: number): number;
  pageRowsMax(): number;
  encodePage(column: number, from: number, to: number): number;
  pageAddress(): number;
  leastValue(): bigint;
  greatestValue(): bigint;
}

/**
 * One instance of the kernels: 8 MiB of memory that never grows, of which only what is used is
 * backed by real memory. It does one thing at a time; a thread needs one of its own.
 */
export interface Kernels {
  readonly exports: KernelExports;
  /** Where a file's raw bytes go before a kernel is called. */
  readonly input: Uint8Array;
}

/** Compiles the module; the result can be shared with worker threads. */
export async function compileKernels(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(new URL('./kernels.wasm', import.meta.url)));
}

/** Makes an instance of the compiled module, with what it asks of its host. */
export function instantiate(module: WebAssembly.Module): KernelExports {
  const instance = new WebAssembly.Instance(module, {
    // AssemblyScript's name for the file that declares the import.
    'csv-values': {
      parseDouble(address: number, length: number): number {
        return Number(Buffer.from(exports.memory.buffer, address, length).toString('latin1'));
      },
    },
  });
  const exports = instance.exports as unknown as KernelExports;
  return exports;
}

/** Makes an instance of the compiled module that sums. */
export function createKernels(module: WebAssembly.Module): Kernels {
  const exports = instantiate(module);
  const input = new Uint8Array(exports.memory.buffer, exports.inputAddress(), exports.inputBytes());
  return { exports, input };
}

/** The exact sum of integers that the last kernel has come to, however large. */
export function exactSum({ exports }: Kernels): bigint {
  return (exports.sumHigh() << 64n) + BigInt.asUintN(64, exports.sumLow());
}
