import { CsvFault } from './csv-reader.js';
import { StoppedError } from './stop.js';

/** What is wrong with a file, as the end of a sentence that says which file. */
export interface Fault {
  readonly fault: string;
}

/** What is wrong with the file at a place in a task's list. */
export type FileFault = Fault & { readonly index: number };

/** What an error that was met in a chunk's file says is wrong with it. */
export function faultOf(error: unknown, format: 'csv' | 'parquet'): string {
  if (error instanceof CsvFault || error instanceof StoppedError) return error.message;
  const file = `its ${format === 'csv' ? 'CSV' : 'Parquet'} file`;
  // Where the server keeps its files is not for clients: a system error is told by its code.
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined) return `${file} cannot be read (${code})`;
  return `${file} is damaged: ${error instanceof Error ? error.message : error}`;
}
