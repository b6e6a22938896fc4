import { rmSync } from 'node:fs';
import path from 'node:path';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import {
  type TableClient,
  TableDefinition,
  type TableServiceClient,
  TableServiceDefinition,
  type UploadRequest,
} from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';
import type { TallyAnswer } from './answers.js';

/** A real server that is given some of the inputs too. */
export interface ServerCheck {
  /** Uploads a file in both ways and sums its columns; what is not as in `answer`, as a sentence. */
  check(bytes: Buffer, answer: TallyAnswer): Promise<string | undefined>;
  close(): Promise<void>;
}

/** A table gets slow when every chunk brings new columns, so that it gets a new server. */
const inputsPerServer = 100;

/** Starts servers, one after the other, with their data in `folder`; they take one input at a time. */
export function createServerCheck(folder: string): ServerCheck {
  let table: Promise<RunningTable> | undefined;
  let inputs = 0;
  let last: Promise<unknown> = Promise.resolve();

  async function checkNow(bytes: Buffer, answer: TallyAnswer): Promise<string | undefined> {
    if (inputs++ % inputsPerServer === 0) {
      await (await table)?.close();
      table = startTable(path.join(folder, 'server'));
    }
    return (await table)?.check(bytes, answer);
  }

  return {
    check(bytes, answer) {
      const checked = last.then(() => checkNow(bytes, answer));
      last = checked.catch(() => {});
      return checked;
    },
    async close() {
      await last;
      await (await table)?.close();
    },
  };
}

/** What the sum of a column must be by all that was uploaded. */
interface Expected {
  total: bigint;
  hasOthers: boolean;
}

class RunningTable {
  readonly #expected = new Map<string, Expected>();
  readonly #channel;
  readonly #unary: TableClient;
  readonly #streamed: TableServiceClient;

  constructor(readonly server: LaunchedServer) {
    this.#channel = createChannel(server.address);
    this.#unary = createClient(TableDefinition, this.#channel);
    this.#streamed = createClient(TableServiceDefinition, this.#channel);
  }

  async check(bytes: Buffer, answer: TallyAnswer): Promise<string | undefined> {
    const wanted = 'refusal' in answer ? answer.refusal : '';
    const unary = await this.#unary.upload({ csvData: bytes });
    if (unary.error !== wanted) return `a unary upload: ${unary.error}; in a thread: ${wanted}`;
    const streamed = await this.#streamed.upload(piecesOf(bytes));
    if (streamed.error !== wanted) {
      return `a streamed upload: ${streamed.error}; in a thread: ${wanted}`;
    }
    if ('refusal' in answer) return undefined;
    if (streamed.rows !== BigInt(answer.rows)) {
      return `a streamed upload: ${streamed.rows} rows; in a thread: ${answer.rows}`;
    }
    for (const { name, type, sum } of answer.columns) {
      const expected = this.#expected.get(name) ?? { total: 0n, hasOthers: false };
      this.#expected.set(name, expected);
      if (sum !== undefined) expected.total += 2n * sum;
      else if (type !== null) expected.hasOthers = true;
    }
    for (const { name } of answer.columns) {
      const sentence = await this.#checkSums(name);
      if (sentence !== undefined) return sentence;
    }
    return undefined;
  }

  async #checkSums(column: string): Promise<string | undefined> {
    const { total, hasOthers } = this.#expected.get(column) ?? { total: 0n, hasOthers: false };
    const isPastInt64 = BigInt.asIntN(64, total) !== total;
    const [csv, parquet] = await Promise.all(
      ['csv', 'parquet'].map((format) => this.#unary.colSum({ column, format })),
    );
    const sums = `of ${JSON.stringify(column)}: ${say(csv)} in CSV, ${say(parquet)} in Parquet`;
    if (say(csv) !== say(parquet)) return `sums ${sums}`;
    if (hasOthers) return /cannot be summed/.test(csv?.error ?? '') ? undefined : `others ${sums}`;
    if (isPastInt64) return /past int64$/.test(csv?.error ?? '') ? undefined : `past int64 ${sums}`;
    return csv?.total === total && csv.error === '' ? undefined : `sums ${sums}, not ${total}`;
  }

  async close(): Promise<void> {
    this.#channel.close();
    await this.server.stop();
    rmSync(this.server.dataDir, { recursive: true });
  }
}

const say = (reply: { readonly total: bigint; readonly error: string } | undefined) =>
  reply?.error || String(reply?.total);

async function startTable(dataDir: string): Promise<RunningTable> {
  const args = ['--durability=memory', '--table-threads=2', '--conversions-max=1'];
  return new RunningTable(await launchServer({ args, dataDir }));
}

/** Bytes of a streamed message: most files come in several. */
const pieceBytes = 61;

async function* piecesOf(bytes: Buffer): AsyncGenerator<UploadRequest> {
  const size = Math.max(pieceBytes, bytes.length >> 6);
  for (let at = 0; at < bytes.length; at += size) yield { csvData: bytes.subarray(at, at + size) };
}
