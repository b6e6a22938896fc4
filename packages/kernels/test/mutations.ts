// Column chunks of several writers, damaged at random, and what the kernel makes of them.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { PageFault } from '../dist/index.js';
import { type ColumnChunkBytes, columnChunks, sumPages } from './column-file.js';
import { openDuckdb, sumPagesByHyparquet } from './independent-readers.js';
import { varint } from './page-bytes.js';
import { checksumHolds, walkPages, withChecksums } from './page-walk.js';
import { writeColumn } from './write-parquet.js';

export interface Sample extends ColumnChunkBytes {
  readonly writer: string;
  readonly total: bigint;
  readonly pages: ReturnType<typeof walkPages>;
}

const values = Array.from({ length: 300 }, (_, i) => {
  if (i % 11 === 3) return null;
  return i < 100 ? BigInt(i * i * i) : i < 200 ? BigInt(i % 4) : BigInt(i) << 50n;
});

/** Column chunks of every writer; with `checksums` all pages have one, without it none. */
export async function samples(checksums: boolean): Promise<Sample[]> {
  const files = [
    ...(await fromPyarrow()),
    ...fromParquetWasm(),
    ...fromHyparquetWriter(),
    ...(await fromDuckdb()),
  ];
  const chunks = files.flatMap(([writer, file]) =>
    columnChunks(file).map((chunk) => ({ ...chunk, writer })),
  );
  return chunks
    .filter(({ bytes }) => bytes.length > 0)
    .map((chunk) => {
      const bytes = withChecksums(chunk.bytes, checksums);
      const { total } = sumPages(bytes, chunk.kind);
      return { ...chunk, bytes, total, pages: walkPages(bytes) };
    });
}

type Files = [writer: string, file: Uint8Array][];

async function fromPyarrow(): Promise<Files> {
  const folder = new URL('../test/golden/', import.meta.url);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.parquet')).sort();
  return Promise.all(
    names.map(async (name) => [`pyarrow ${name}`, await readFile(new URL(name, folder))] as const),
  ).then((files) => files.map(([name, file]) => [name, file]));
}

function fromParquetWasm(): Files {
  const files: Files = [];
  for (const encoding of ['plain', 'delta', 'dictionary'] as const) {
    for (const version2 of [false, true]) {
      for (const snappy of [false, true]) {
        const layout = { int32: false, encoding, version2, snappy };
        const file = writeColumn(values, { ...layout, pageBytes: 400, rowGroupRows: 100_000 });
        files.push([`parquet-wasm ${Object.values(layout)}`, file]);
      }
    }
  }
  return files;
}

function fromHyparquetWriter(): Files {
  const files: Files = [];
  for (const encoding of ['PLAIN', 'DELTA_BINARY_PACKED'] as const) {
    for (const codec of ['UNCOMPRESSED', 'SNAPPY'] as const) {
      const columnData = [{ name: 'v', type: 'INT64' as const, data: values, encoding }];
      const file = parquetWriteBuffer({ columnData, codec, pageSize: 500 });
      files.push([`hyparquet-writer ${encoding} ${codec}`, new Uint8Array(file)]);
    }
  }
  return files;
}

async function fromDuckdb(): Promise<Files> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tally-kernels-'));
  const duckdb = await openDuckdb(folder);
  const files: Files = [];
  try {
    for (const version of ['V1', 'V2']) {
      for (const codec of ['uncompressed', 'snappy']) {
        for (const entries of [1, 1000]) {
          const to = path.join(folder, `${version}-${codec}-${entries}.parquet`);
          await duckdb.run(`COPY (SELECT unnest([${values.map((v) => v ?? 'NULL')}]::BIGINT[]) AS v)
            TO '${to}' (FORMAT parquet, PARQUET_VERSION ${version}, COMPRESSION ${codec},
            DICTIONARY_SIZE_LIMIT ${entries})`);
          files.push([`DuckDB ${path.basename(to)}`, await readFile(to)]);
        }
      }
    }
  } finally {
    duckdb.close();
    await rm(folder, { recursive: true });
  }
  return files;
}

/** Whole numbers from 0 to below `limit`, the same for the same seed (mulberry32). */
export type Random = (limit: number) => number;

export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

const pick = <T>(random: Random, all: readonly T[]): T => {
  const one = all[random(all.length)];
  if (one === undefined) throw new Error('there is nothing to pick');
  return one;
};

/** Bytes with `[from, to)` replaced. */
const replaced = (bytes: Uint8Array, from: number, to: number, by: ArrayLike<number>) =>
  Buffer.concat([bytes.subarray(0, from), Uint8Array.from(by), bytes.subarray(to)]);

const numbers = [0n, 1n, 2n, 7n, 8n, 255n, 1n << 16n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n];
const largeNumbers = [(1n << 33n) + 6n, 1n << 62n, 1n << 63n, (1n << 64n) - 1n];

type Mutation = (bytes: Uint8Array, sample: Sample, random: Random, others: Sample[]) => Uint8Array;

/** A place in the header of a page, or just behind it, where its lengths and widths are. */
function placeOfLengths(bytes: Uint8Array, { pages }: Sample, random: Random): number {
  const page = pick(random, pages);
  return Math.min(bytes.length, page.from + random(page.body - page.from + 12));
}

const mutations: Readonly<Record<string, Mutation>> = {
  'flip a bit': (bytes, _, random) => {
    const at = random(bytes.length);
    return replaced(bytes, at, at + 1, [(bytes[at] ?? 0) ^ (1 << random(8))]);
  },
  'change bytes': (bytes, _, random) => {
    const at = random(bytes.length);
    const some = Array.from({ length: 1 + random(4) }, () => random(256));
    return replaced(bytes, at, Math.min(bytes.length, at + some.length), some);
  },
  'cut off the end': (bytes, _, random) => bytes.subarray(0, random(bytes.length)),
  'leave bytes out': (bytes, _, random) => {
    const at = random(bytes.length);
    return replaced(bytes, at, Math.min(bytes.length, at + 1 + random(20)), []);
  },
  'put bytes in': (bytes, _, random) => {
    const at = random(bytes.length);
    return replaced(
      bytes,
      at,
      at,
      Array.from({ length: 1 + random(20) }, () => random(256)),
    );
  },
  'put in a part of another chunk': (bytes, _, random, others) => {
    const other = pick(random, others).bytes;
    const from = random(other.length);
    const at = random(bytes.length);
    const part = other.subarray(from, from + random(200));
    return replaced(bytes, at, Math.min(bytes.length, at + random(200)), part);
  },
  'change a bit of a header': (bytes, sample, random) => {
    const at = placeOfLengths(bytes, sample, random);
    return replaced(bytes, at, at + 1, [(bytes[at] ?? 0) ^ (1 << random(8))]);
  },
  'change a number of a header': (bytes, sample, random) => {
    const at = placeOfLengths(bytes, sample, random);
    const number = pick(random, [...numbers, ...largeNumbers, BigInt(random(2 ** 20))]);
    return replaced(bytes, at, Math.min(bytes.length, at + 1 + random(3)), varint(number));
  },
  'change a byte of a header': (bytes, sample, random) => {
    const at = placeOfLengths(bytes, sample, random);
    return replaced(bytes, at, Math.min(bytes.length, at + 1), [random(256)]);
  },
  'swap two pages': (bytes, { pages }, random) => {
    const [a, b] = [pick(random, pages), pick(random, pages)].sort((x, y) => x.from - y.from);
    if (a === undefined || b === undefined || a === b || b.to > bytes.length) return bytes;
    return Buffer.concat([
      bytes.subarray(0, a.from),
      bytes.subarray(b.from, b.to),
      bytes.subarray(a.to, b.from),
      bytes.subarray(a.from, a.to),
      bytes.subarray(b.to),
    ]);
  },
  'leave a page out, or repeat it': (bytes, { pages }, random) => {
    const { from, to } = pick(random, pages);
    return replaced(
      bytes,
      from,
      to,
      random(2) ? [] : Buffer.concat([bytes.subarray(from, to), bytes.subarray(from, to)]),
    );
  },
  'put the header of one page before the body of another': (bytes, { pages }, random, others) => {
    const { from, body } = pick(random, pages);
    const other = pick(random, others);
    const its = pick(random, other.pages);
    return replaced(bytes, from, body, other.bytes.subarray(its.from, its.body));
  },
};

export interface Outcome {
  readonly mutations: readonly string[];
  readonly bytes: Uint8Array;
  /** What became of it: a sum, or the kernel's fault. */
  readonly kind: string;
  /** Why that must not be; undefined if it may. */
  readonly failure: string | undefined;
  /** What the kernel took. */
  readonly kernelMs: number;
}

/** Damages a sample one to three times, and sums what comes out of it. */
export function mutateAndSum(all: Sample[], random: Random): Outcome & { sample: Sample } {
  const sample = pick(random, all);
  const applied: string[] = [];
  let bytes = sample.bytes;
  for (let i = pick(random, [1, 1, 1, 2, 3]); i > 0 && bytes.length > 0; i--) {
    const [name, mutate] = pick(random, Object.entries(mutations));
    bytes = mutate(bytes, sample, random, all);
    applied.push(name);
  }
  const begun = performance.now();
  const sum = sumOrError(sample, bytes);
  const kernelMs = performance.now() - begun;
  return { sample, mutations: applied, bytes, kernelMs, ...judged(sample, bytes, sum) };
}

function sumOrError({ kind }: Sample, bytes: Uint8Array): ReturnType<typeof sumPages> | Error {
  try {
    return sumPages(bytes, kind);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function judged(
  sample: Sample,
  bytes: Uint8Array,
  sum: ReturnType<typeof sumPages> | Error,
): Pick<Outcome, 'kind' | 'failure'> {
  if (sum instanceof PageFault) return { kind: sum.message, failure: undefined };
  if (sum instanceof Error) return { kind: 'a crash', failure: `it threw ${sum}` };
  const failure = brokenChecksum(bytes.subarray(0, sum.used));
  if (sum.used < bytes.length || sum.rows !== sample.rows) {
    return { kind: 'not all of its rows, which the caller notices', failure };
  }
  if (sum.total === sample.total) return { kind: 'the same sum', failure };
  return { kind: `another sum, ${otherReader(sample, bytes, sum.total)}`, failure };
}

/** What hyparquet makes of the same bytes: it checks less, so that it may read what is corrupt. */
function otherReader({ kind, rows }: Sample, bytes: Uint8Array, total: bigint): string {
  try {
    const sum = sumPagesByHyparquet(bytes, kind, rows);
    return sum.total === total ? 'as hyparquet reads it' : 'not as hyparquet reads it';
  } catch {
    return 'which hyparquet does not read';
  }
}

function brokenChecksum(bytes: Uint8Array): string | undefined {
  try {
    const broken = walkPages(bytes).find((page) => !checksumHolds(bytes, page));
    return broken && `the checksum of the page at ${broken.from} does not hold, but it has a sum`;
  } catch (error) {
    return `it has a sum, but its pages cannot be walked: ${String(error)}`;
  }
}

/** Whether the kernel still sums a sample that is not damaged. */
export function stillWorks(sample: Sample): boolean {
  const { total, rows } = sumPages(sample.bytes, sample.kind);
  return total === sample.total && rows === sample.rows;
}
