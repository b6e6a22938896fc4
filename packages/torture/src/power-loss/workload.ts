import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { launchServer } from '@tally/server/launch';
import { type Connection, connect } from '../connection.js';
import { createFaultPlan, type FaultPlan } from '../file-calls/fault-plan.js';
import { appendMark, type FileCall, parseJournal } from '../file-calls/journal.js';
import { preloadEnvironment } from '../file-calls/library.js';
import { fewThreads } from '../ledger/few-threads.js';
import { createLedger, type Entry, type Ledger, type Write } from '../ledger/ledger.js';
import { type ChunkShape, type Reply, send, smallChunk } from '../ledger/send.js';

/** What the clients add to the journal: that a write is about to be sent, or what became of it. */
export type Mark =
  | { readonly sent: number; readonly write: Write }
  | { readonly answered: number; readonly fate: Entry['fate'] };

const streamedChunk: ChunkShape = { call: 'streamed', fillerRows: 6000, pieceBytes: 100 * 1024 };

/** Files whose sync fails once each, while clients go on; none that would stop a server. */
const failingSyncs = ['data/numbers/data.mdb', 'data/tmp/*.csv', 'data/tmp/*.parquet'];

interface Recorder {
  readonly clients: Connection;
  readonly ledger: Ledger;
  readonly journal: string;
}

/** Sends a write between two marks. */
async function sendMarked(
  { clients, ledger, journal }: Recorder,
  write: Write,
  shape?: ChunkShape,
): Promise<Reply> {
  const id = ledger.entries.length;
  const entry = ledger.add(write);
  appendMark(journal, { sent: id, write } satisfies Mark);
  const reply = await send(clients, entry, shape);
  appendMark(journal, { answered: id, fate: entry.fate } satisfies Mark);
  return reply;
}

/**
 * Records how a server starts on an empty disk and serves `rounds` of writes that come together.
 *
 * Resolves to all its file calls, and the clients' marks, in their order.
 */
export async function recordWorkload(
  folder: string,
  library: string,
  rounds: number,
): Promise<readonly FileCall[]> {
  const disk = path.join(folder, 'disk');
  const journal = path.join(folder, 'journal');
  const faultPlan = path.join(folder, 'plan');
  await mkdir(disk, { recursive: true });
  const plan = createFaultPlan(faultPlan);
  plan.record(true);
  const env = preloadEnvironment({ library, disk, journal, faultPlan });
  const server = await launchServer({ dataDir: path.join(disk, 'data'), env, args: fewThreads });
  const clients = connect(server.address);
  try {
    const recorder = { clients, ledger: createLedger(), journal };
    for (let round = 0; round < rounds; round++) await playRound(recorder, round);
    for (const pattern of failingSyncs) await failSync(recorder, plan, pattern);
    await playRound(recorder, 1);
  } finally {
    clients.close();
    server.process.kill('SIGKILL');
  }
  return parseJournal(await readFile(journal));
}

/** Every second round, the writes come one after the other; in the others, together. */
async function playRound(recorder: Recorder, round: number): Promise<void> {
  const { ledger } = recorder;
  const writes = [
    () => sendMarked(recorder, ledger.nextNumber()),
    () => sendMarked(recorder, ledger.nextChunk(), smallChunk),
    () => sendMarked(recorder, ledger.nextNumber()),
    () => sendMarked(recorder, ledger.nextChunk(), streamedChunk),
  ];
  const replies: Reply[] = [];
  if (round % 2 === 0) for (const write of writes) replies.push(await write());
  else replies.push(...(await Promise.all(writes.map((write) => write()))));
  const failed = replies.find(({ outcome }) => outcome !== 'acknowledged');
  if (failed !== undefined) throw new Error(`a write failed: ${failed.sentence || failed.outcome}`);
}

async function failSync(recorder: Recorder, plan: FaultPlan, pattern: string): Promise<void> {
  const { ledger } = recorder;
  plan.arm({ kind: 'sync', pattern, nth: 1, fault: 'error' });
  await sendMarked(recorder, ledger.nextNumber());
  await sendMarked(recorder, ledger.nextChunk());
  if (!plan.disarm()) throw new Error(`no sync of ${pattern} came`);
}
