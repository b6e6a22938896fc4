import { isDeepStrictEqual } from 'node:util';
import {
  NumStoreDefinition,
  SetNumResponse,
  TableDefinition,
  TableServiceDefinition,
  UploadResp,
  UploadResponse,
} from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';
import type { CallCase } from './hostile-case.js';
import { setNumPath, uploadPaths } from './requests.js';
import { keptFiles, type ServerUnderAttack } from './server-state.js';
import type { CallAnswer } from './session-attack.js';

/** Valid calls whose answers are known, as long as nothing hostile has changed what it must not. */
export interface Control {
  /** Makes every valid call, on the connection that is open all the time or on a new one. Throws. */
  check(on: 'old' | 'new'): Promise<void>;
  /** Takes in what a hostile call was told: a whole and valid one may set a number, or keep a chunk. */
  take(hostile: CallCase, answer: CallAnswer): void;
  close(): void;
}

interface Expected {
  total: bigint;
  chunks: number;
  /** A call was told nothing of what it did: the next look is believed. */
  isUncertain: boolean;
}

export function createControl(server: ServerUnderAttack): Control {
  const old = connect(server.address);
  const expected: Expected = { total: 0n, chunks: 0, isUncertain: false };
  let checks = 0;
  let uploads = 0;
  return {
    async check(on) {
      checks++;
      const clients = on === 'old' ? old : connect(server.address);
      try {
        await checkFiles(server, expected);
        await checkNumbers(clients, expected, checks);
        // Uploads take longest: one for each pair of checks, in turns unary and streamed.
        if (on === 'new') {
          uploads++;
          await checkUpload(clients, uploads);
          expected.chunks++;
        }
        await checkSums(clients, uploads);
        expected.isUncertain = false;
      } finally {
        if (on === 'new') clients.channel.close();
      }
    },
    take: (hostile, answer) => takeAnswer(expected, hostile, answer),
    close: () => old.channel.close(),
  };
}

type Clients = ReturnType<typeof connect>;

function connect(address: string) {
  // Channels to one address otherwise share one TCP connection.
  const channel = createChannel(address, undefined, { 'grpc.use_local_subchannel_pool': 1 });
  return {
    channel,
    numbers: createClient(NumStoreDefinition, channel),
    table: createClient(TableDefinition, channel),
    streamed: createClient(TableServiceDefinition, channel),
  };
}

const signal = () => AbortSignal.timeout(30_000);

async function checkNumbers({ numbers }: Clients, expected: Expected, n: number): Promise<void> {
  const { total } = await numbers.setNum(
    { key: 'control', value: BigInt(n) },
    { signal: signal() },
  );
  if (!expected.isUncertain) same('the total after SetNum', total, expected.total + 1n);
  expected.total = total;
  if (n === 1) {
    const after = await numbers.setNum({ key: 'five', value: 5n });
    expected.total = after.total;
  }
  const { value, error } = await numbers.fact({ key: 'five' }, { signal: signal() });
  same('the answer of Fact', { value, error }, { value: 120n, error: '' });
}

async function checkUpload({ table, streamed }: Clients, n: number): Promise<void> {
  const csvData = Buffer.from('control\n1\n');
  const { error } =
    n % 2 === 0
      ? await table.upload({ csvData }, { signal: signal() })
      : await streamed.upload(twoPieces(csvData), { signal: signal() });
  same('the answer of Upload', error, '');
}

async function checkSums({ table }: Clients, uploads: number): Promise<void> {
  for (const format of ['csv', 'parquet']) {
    const sum = await table.colSum({ column: 'control', format }, { signal: signal() });
    same(`the sum of the ${format} files`, sum, { total: BigInt(uploads), error: '' });
  }
}

async function* twoPieces(csv: Buffer) {
  yield { csvData: csv.subarray(0, 4) };
  yield { csvData: csv.subarray(4) };
}

async function checkFiles(server: ServerUnderAttack, expected: Expected): Promise<void> {
  const { csv, parquet } = await keptFiles(server);
  same('the number of Parquet files', parquet, csv);
  if (!expected.isUncertain) same('the number of chunks', csv, expected.chunks);
  expected.chunks = csv;
}

function same(what: string, is: unknown, mustBe: unknown): void {
  if (isDeepStrictEqual(is, mustBe)) return;
  throw new Error(`${what} is ${shown(is)} and must be ${shown(mustBe)}`);
}

const shown = (value: unknown) =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part));

/** Whether the work may be done, although its client was told nothing: it was too late, or cut off. */
function saysNothing({ outcome }: CallAnswer): boolean {
  const refusals = ['RST_STREAM PROTOCOL_ERROR', 'RST_STREAM ENHANCE_YOUR_CALM'];
  if (outcome === 'DEADLINE_EXCEEDED') return true;
  return outcome.startsWith('RST_STREAM') && !refusals.includes(outcome);
}

function takeAnswer(expected: Expected, hostile: CallCase, answer: CallAnswer): void {
  const { headers, mustFail = false } = hostile;
  if (mustFail && answer.outcome === 'OK') throw new Error('the last case was answered with OK');
  const path = String(headers[':path']);
  const isUpload = uploadPaths.includes(path);
  if (!isUpload && path !== setNumPath) return;
  if (saysNothing(answer)) expected.isUncertain = true;
  if (answer.outcome !== 'OK' || answer.message === undefined || answer.isReplay) return;
  if (!isUpload) expected.total = SetNumResponse.decode(answer.message).total;
  else {
    const response = path === '/Table/Upload' ? UploadResp : UploadResponse;
    if (response.decode(answer.message).error === '') expected.chunks++;
  }
}
