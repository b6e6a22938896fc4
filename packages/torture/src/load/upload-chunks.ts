import type { UploadRequest } from '@tally/stubs';
import type { Connection } from '../connection.js';
import type { TestChunk } from '../expected-table.js';
import type { Random } from '../random.js';
import { Violation } from '../violation.js';
import { faultyCsv, smallChunk } from './make-chunk.js';
import type { ServerLife } from './server-life.js';

export type UploadCall = 'unary' | 'streamed';

/** Uploads a chunk that must be kept. */
export async function uploadChunk(
  life: ServerLife,
  connection: Connection,
  chunk: TestChunk,
  call: UploadCall,
  pieceBytes: number,
): Promise<void> {
  const { table } = life.expected;
  table.begin(chunk);
  const error = await sendCsv(life, connection, chunk.csv, call, pieceBytes);
  if (error === undefined) return;
  if (error !== '') throw new Violation(`the upload of ${chunk.name} was refused: ${error}`);
  table.acknowledge(chunk);
}

const pieceBytesMax = 4096;
/** One upload in so many is no CSV file and must be refused. */
const faultyEvery = 10;

/** One small upload by either call, or now and then one that must be refused. */
export async function uploadSomething(
  life: ServerLife,
  connection: Connection,
  random: Random,
  name: string,
): Promise<void> {
  const call = random(2) === 0 ? 'unary' : 'streamed';
  const pieceBytes = 1 + random(pieceBytesMax);
  if (random(faultyEvery) > 0) {
    return uploadChunk(life, connection, smallChunk(random, name), call, pieceBytes);
  }
  const csv = faultyCsv(random);
  if ((await sendCsv(life, connection, csv, call, pieceBytes)) === '') {
    throw new Violation(`a faulty CSV file was not refused: ${JSON.stringify(csv.toString())}`);
  }
}

/** The sentence of the answer; undefined if there is none because the server was killed. */
async function sendCsv(
  life: ServerLife,
  { table, streamed }: Connection,
  csv: Buffer,
  call: UploadCall,
  pieceBytes: number,
): Promise<string | undefined> {
  const reply = await life.answer(`a ${call} upload`, () =>
    call === 'unary' ? table.upload({ csvData: csv }) : streamed.upload(pieces(csv, pieceBytes)),
  );
  return reply?.error;
}

/** The messages of a stream, each of which says how many bytes the whole file has. */
export async function* pieces(
  csv: Buffer,
  bytes: number,
  bytesTotal = csv.length,
): AsyncGenerator<UploadRequest> {
  const csvBytesTotal = BigInt(bytesTotal);
  for (let at = 0; at < csv.length; at += bytes) {
    yield { csvData: csv.subarray(at, at + bytes), csvBytesTotal };
  }
}
