import { type ChunkShape, type Reply, send, smallChunk } from '../ledger/send.js';
import type { Session } from './session.js';

/** Writes that a fault is to hit. */
export interface Scenario {
  readonly name: string;
  run(session: Session): Promise<Reply[]>;
}

/** In more pieces than one write gathers. */
const streamedChunk: ChunkShape = { call: 'streamed', fillerRows: 10_000, pieceBytes: 200 * 1024 };
/** So long that it is synced, and converted, while it comes: that takes more than 32 MiB. */
const longChunk: ChunkShape = {
  call: 'streamed',
  fillerRows: 480_000,
  pieceBytes: 8 * 1024 * 1024,
};

const number: Scenario = {
  name: 'a SetNum',
  run: async ({ clients, ledger }) => [await send(clients(), ledger.add(ledger.nextNumber()))],
};

const chunk = (name: string, shape: ChunkShape, together = 1): Scenario => ({
  name,
  run: ({ clients, ledger }) => {
    const entries = Array.from({ length: together }, () => ledger.add(ledger.nextChunk()));
    return Promise.all(entries.map((entry) => send(clients(), entry, shape)));
  },
});

/** Every way in which a running server writes. */
export const scenarios: readonly Scenario[] = [
  number,
  chunk('a unary Upload', smallChunk),
  chunk('a streamed Upload', streamedChunk),
  chunk('two Uploads together', smallChunk, 2),
  chunk('a long streamed Upload', longChunk),
];
