import { ClientError, Status } from 'nice-grpc';
import type { Connection } from '../connection.js';
import { chunkRowValue, type Entry } from './ledger.js';

/** How a chunk is sent: in one message, or in pieces. */
export interface ChunkShape {
  readonly call: 'unary' | 'streamed';
  /** Rows beside the three that count: zeros, and a text. */
  readonly fillerRows: number;
  /** Bytes of a piece of a stream. */
  readonly pieceBytes: number;
}

export const smallChunk: ChunkShape = { call: 'unary', fillerRows: 40, pieceBytes: 0 };

/** What became of a write, as its client saw it. */
export interface Reply {
  readonly entry: Entry;
  readonly outcome: 'acknowledged' | 'refused' | 'kept unseen' | 'stopped' | 'no reply';
  /** What the server said; empty for an acknowledgement. */
  readonly sentence: string;
  readonly code: string;
}

/** Far longer than any write takes: a call that has no answer by then hangs. */
const answerMs = 60_000;

/** Sends a write, and puts into its entry what the answer promises. */
export async function send(clients: Connection, entry: Entry, shape = smallChunk): Promise<Reply> {
  const signal = AbortSignal.timeout(answerMs);
  try {
    const error = await call(clients, entry, shape, signal);
    return replyOf(entry, error, 'error');
  } catch (error) {
    if (signal.aborted) throw new Error(`a write had no answer within ${answerMs} ms`);
    if (!(error instanceof ClientError)) throw error;
    return replyOf(entry, error.details, Status[error.code]);
  }
}

async function call(
  clients: Connection,
  { write }: Entry,
  shape: ChunkShape,
  signal: AbortSignal,
): Promise<string> {
  if (write.kind === 'number') {
    await clients.numbers.setNum({ key: write.key, value: BigInt(write.value) }, { signal });
    return '';
  }
  const csv = csvOf(write.column, write.digit, shape.fillerRows);
  if (shape.call === 'unary')
    return (await clients.table.upload({ csvData: csv }, { signal })).error;
  return (await clients.streamed.upload(piecesOf(csv, shape.pieceBytes), { signal })).error;
}

function csvOf(column: string, digit: number, fillerRows: number): Buffer {
  const row = Buffer.from(`${chunkRowValue(digit)},counts\n`);
  const header = Buffer.from(`${column},note\n`);
  const half = Math.ceil(fillerRows / 2);
  return Buffer.concat([header, row, filler(half), row, filler(fillerRows - half), row]);
}

/** Rows that add nothing, made once. */
const fillers = new Map<number, Buffer>();

function filler(rows: number): Buffer {
  let known = fillers.get(rows);
  if (known === undefined) {
    known = Buffer.alloc(rows * fillerRow.length, fillerRow);
    fillers.set(rows, known);
  }
  return known;
}

const fillerRow = `0,${'a text that adds nothing but bytes '.repeat(2)}\n`;

async function* piecesOf(csv: Buffer, pieceBytes: number) {
  const csvBytesTotal = BigInt(csv.length);
  for (let at = 0; at < csv.length; at += pieceBytes) {
    yield { csvData: csv.subarray(at, at + pieceBytes), csvBytesTotal };
  }
}

// What grpc-js says itself when a connection ends; everything else is the server's.
const connectionLost =
  /^(Connection dropped|No connection established|read ECONN|write E|.*ECONNREFUSED|.*ECONNRESET|Stream removed|Received RST_STREAM)/;

function replyOf(entry: Entry, sentence: string, code: string): Reply {
  const reply = (outcome: Reply['outcome']): Reply => ({ entry, outcome, sentence, code });
  if (sentence === '') {
    entry.fate = 'kept';
    return reply('acknowledged');
  }
  if (connectionLost.test(sentence)) return reply('no reply');
  if (sentence.startsWith('the chunk is kept')) {
    entry.fate = 'kept';
    return reply('kept unseen');
  }
  // Only a restart tells.
  if (/^the (table is|numbers are) stopped: /.test(sentence)) return reply('stopped');
  entry.fate = 'refused';
  return reply('refused');
}
