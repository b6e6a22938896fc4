import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DuckDBInstance, version } from '@duckdb/node-api';
import type { Peer, PeerAnswer, Text } from './answers.js';

const dialect = [
  `auto_detect=false, header=false, delim=',', quote='"', escape='"', comment=''`,
  `nullstr='', allow_quoted_nulls=false, strict_mode=true, null_padding=false`,
  `compression='none', parallel=false`,
].join(', ');

/** DuckDB, strict, and told the number of columns, so that it sniffs nothing. */
export async function startDuckDb(folder: string): Promise<Peer> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'duckdb.csv');
  const queryOf = (columns: number) => {
    const types = Array.from({ length: columns }, (_, i) => `c${i}: 'VARCHAR'`).join(', ');
    return `SELECT * FROM read_csv('${file}', ${dialect}, columns={${types}})`;
  };

  async function readNow(bytes: Buffer, columns: number): Promise<PeerAnswer> {
    writeFileSync(file, bytes);
    try {
      const reader = await connection.runAndReadAll(queryOf(columns));
      return { columns: reader.getColumns() as Text[][] };
    } catch (error) {
      const refusal = (error as Error).message;
      // After an error of its own DuckDB answers nothing more.
      if (!refusal.startsWith('Invalid Input Error')) throw error;
      return { refusal };
    }
  }

  // One file, one connection: one input after the other.
  let last: Promise<unknown> = Promise.resolve();
  return {
    name: 'DuckDB',
    version: version(),
    read(bytes, columns) {
      const answer = last.then(() => readNow(bytes, columns));
      last = answer.catch(() => {});
      return answer;
    },
    async close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}
