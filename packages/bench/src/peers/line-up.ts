import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { DataSet } from '../data-sets/data-set.js';
import type { TallyTable } from '../tally-table.js';
import {
  type Description,
  type Engine,
  engines,
  type Format,
  PeerProcess,
} from './peer-process.js';

/** Files that a peer can read a data set from. */
export interface Source {
  /** Whether they are the peer's own or Tally's. */
  readonly owner: 'own' | "Tally's";
  /** `V1 snappy`; empty where there is only one way. */
  readonly layout: string;
  readonly files: readonly string[];
}

/** One way in which a peer can do a sum. */
export interface Attempt {
  readonly engine: Engine;
  readonly threads: number;
  readonly source: Source;
  readonly setting: string;
}

/** As many threads as cores. */
export const cores = os.availableParallelism();

/** The peers, each with one process for every number of threads that it is asked for. */
export class LineUp {
  readonly #processes = new Map<string, PeerProcess>();
  readonly #descriptions = new Map<Engine, Description>();
  /** Each peer's best way to do a sum, by what is summed. */
  readonly chosen = new Map<string, Attempt>();

  constructor(readonly python: string) {}

  peer(engine: Engine, threads = cores): PeerProcess {
    const key = `${engine} ${threads}`;
    const process = this.#processes.get(key) ?? new PeerProcess(this.python, engine, threads);
    this.#processes.set(key, process);
    return process;
  }

  async describe(engine: Engine): Promise<Description> {
    const description = this.#descriptions.get(engine) ?? (await this.peer(engine).describe());
    this.#descriptions.set(engine, description);
    return description;
  }

  /** `DuckDB 2.0.0, polars 2.1.0, …`, and ends the processes that say so. */
  async versions(): Promise<string> {
    const all = await Promise.all(engines.map((engine) => this.describe(engine)));
    await this.stop();
    return all.map(({ name, version }) => `${name} ${version}`).join(', ');
  }

  /** Every file that the peer may read, its own written first where they are missing. */
  async sources(
    engine: Engine,
    dataSet: DataSet,
    table: TallyTable,
    format: Format,
  ): Promise<readonly Source[]> {
    if (format === 'csv') {
      const whole = { owner: 'own', layout: 'one file', files: [await wholeCsv(dataSet)] } as const;
      return [whole, { owner: "Tally's", layout: '', files: table.csvFiles }];
    }
    const { version, layouts } = await this.describe(engine);
    const folder = path.join(dataSet.folder, `${engine}-${version}`);
    await mkdir(folder, { recursive: true });
    const own: Source[] = [];
    for (const layout of layouts) {
      const file = path.join(folder, `${layout.replaceAll(/\W+/g, '-')}.parquet`);
      if (!existsSync(file)) {
        await this.peer(engine).write(dataSet.csvFiles, dataSet.schema, layout, `${file}.part`);
        await rename(`${file}.part`, file);
      }
      own.push({ owner: 'own', layout, files: [file] });
    }
    return [...own, { owner: "Tally's", layout: '', files: table.parquetFiles }];
  }

  /** Ends every process, and with them the memory that they keep. */
  async stop(): Promise<void> {
    const processes = [...this.#processes.values()];
    this.#processes.clear();
    await Promise.all(processes.map((process) => process.stop()));
  }
}

/** The data set as one CSV file, with one header. */
export async function wholeCsv({ folder, csvFiles }: Pick<DataSet, 'folder' | 'csvFiles'>) {
  const whole = path.join(folder, 'whole.csv');
  if (existsSync(whole)) return whole;
  const to = await open(`${whole}.part`, 'w');
  try {
    for (const [i, file] of csvFiles.entries()) {
      let inHeader = i > 0;
      for await (const bytes of createReadStream(file, { highWaterMark: 1 << 20 })) {
        // The headers are far shorter than a read.
        await to.writeFile(inHeader ? bytes.subarray(bytes.indexOf('\n') + 1) : bytes);
        inHeader = false;
      }
    }
  } finally {
    await to.close();
  }
  await rename(`${whole}.part`, whole);
  return whole;
}
