import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { killAtExit } from '../clean-up.js';
import type { Schema } from '../data-sets/data-set.js';

export const engines = ['duckdb', 'polars', 'pyarrow'] as const;
export type Engine = (typeof engines)[number];

export type Format = 'parquet' | 'csv';

/** What an engine says about itself. */
export interface Description {
  readonly name: string;
  readonly version: string;
  /** The ways in which it can write Parquet. */
  readonly layouts: readonly string[];
  readonly parquetSettings: readonly string[];
  readonly csvSettings: readonly string[];
  readonly convertSettings: readonly string[];
}

export interface SumCommand {
  readonly format: Format;
  readonly files: readonly string[];
  readonly column: string;
  readonly schema: Schema;
  readonly setting: string;
}

const peersFolder = fileURLToPath(new URL('../../peers/', import.meta.url));

/** A peer as a process that lives as long as it is measured, with a number of threads of its own. */
export class PeerProcess {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(
    python: string,
    readonly engine: Engine,
    readonly threads: number,
  ) {
    this.#child = spawn(python, [path.join(peersFolder, `${engine}_peer.py`), String(threads)], {
      env: { ...process.env, POLARS_MAX_THREADS: String(threads) },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    killAtExit(this.#child);
    const { stdout } = this.#child;
    if (stdout === null) throw new Error(`${engine} has no output`);
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  describe(): Promise<Description> {
    return this.#ask({ command: 'describe' });
  }

  /** Writes CSV files as one Parquet file. */
  async write(files: readonly string[], schema: Schema, layout: string, to: string): Promise<void> {
    await this.#ask({ command: 'write', files, schema, layout, to });
  }

  /** The milliseconds that a sum takes, and its result. */
  async sum(command: SumCommand): Promise<{ readonly ms: number; readonly total: bigint }> {
    const { seconds, total } = await this.#ask<{ seconds: number; total: string }>({
      command: 'sum',
      ...command,
    });
    return { ms: seconds * 1000, total: BigInt(total) };
  }

  /** DuckDB only: count, nulls, sum, least and greatest of a column in one query. */
  async aggregate(
    command: Omit<SumCommand, 'setting'>,
  ): Promise<{ readonly ms: number; readonly values: readonly bigint[] }> {
    const { seconds, values } = await this.#ask<{ seconds: number; values: string[] }>({
      command: 'aggregate',
      ...command,
    });
    return { ms: seconds * 1000, values: values.map(BigInt) };
  }

  /** Converts one CSV file to Parquet; the memory is the most that this process ever had. */
  convert(
    file: string,
    schema: Schema,
    setting: string,
    to: string,
  ): Promise<{ readonly seconds: number; readonly peakMiB: number }> {
    return this.#ask({ command: 'convert', files: [file], schema, setting, to });
  }

  /** DuckDB only: cuts the result of a query into CSV files of so many rows. */
  async toCsv(query: string, rows: number, to: string): Promise<readonly string[]> {
    return (await this.#ask<{ chunks: string[] }>({ command: 'to_csv', query, rows, to })).chunks;
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await exited;
  }

  /** Commands are asked one after the other: answers come in their order. */
  async #ask<T>(request: {
    readonly command: string;
    readonly [field: string]: unknown;
  }): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#answers.next();
    const what = `${this.engine}, "${request.command}"`;
    if (done) throw new Error(`${what}: the process has ended`);
    const answer = JSON.parse(value);
    if (answer.error !== undefined) throw new Error(`${what}: ${answer.error}`);
    return answer;
  }
}
