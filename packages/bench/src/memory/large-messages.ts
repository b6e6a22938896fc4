import { TableDefinition, TableServiceDefinition } from '@tally/stubs';
import { type Channel, ClientError, createClient, type Metadata, Status } from 'nice-grpc';
import { withChannels } from '../table-clients.js';
import type { LimitedServer } from './limited-server.js';
import { type MemorySampler, totalOf } from './memory-sampler.js';

/** What became of large messages that came at once, and what they took. */
export interface LargeMessages {
  readonly atOnce: number;
  readonly kept: number;
  readonly refused: number;
  readonly unaryMB: number;
  readonly streamedMB: number;
}

const atOnce = 8;
/** `--message-bytes-max` of a server that is told nothing. */
const messageBytesMax = 64 * 1024 * 1024;
const pieceBytes = 60_000_000;
const piecesOfStream = 2;

/**
 * Sends the largest messages that a server takes, several at once, one round after the other.
 *
 * Throws an Error if one is neither kept nor refused as it should be.
 */
export async function largeMessages(
  { address }: LimitedServer,
  sampler: MemorySampler,
  rounds: number,
): Promise<LargeMessages> {
  let kept = 0;
  const inRounds = (work: (channel: Channel) => Promise<boolean>) =>
    withChannels(address, atOnce, async (channels) => {
      for (let round = 0; round < rounds; round++) {
        const outcomes = await Promise.all(channels.map(work));
        kept += outcomes.filter((isKept) => isKept).length;
      }
      return totalOf(sampler.takePeak().peak) / 1e6;
    });
  sampler.takePeak();
  const unaryMB = await inRounds(uploadAtOnce);
  const streamedMB = await inRounds(uploadInPieces);
  return { atOnce, kept, refused: 2 * rounds * atOnce - kept, unaryMB, streamedMB };
}

/** With the tag and the length of its one field the message has as many bytes as it may. */
const rows = Buffer.alloc(messageBytesMax - 5, '1234567\n');
const largest = Buffer.from(rows);
largest.write('      x\n');

const uploadAtOnce = (channel: Channel) =>
  isKept((onTrailer) =>
    createClient(TableDefinition, channel).upload({ csvData: largest }, { onTrailer }),
  );

const uploadInPieces = (channel: Channel) =>
  isKept((onTrailer) =>
    createClient(TableServiceDefinition, channel).upload(pieces(), { onTrailer }),
  );

async function* pieces(): AsyncGenerator<{ readonly csvData: Buffer }> {
  for (let n = 0; n < piecesOfStream; n++) {
    yield { csvData: (n === 0 ? largest : rows).subarray(0, pieceBytes) };
  }
}

/** Whether an upload was kept; false if it was refused, with word of when to try again. */
async function isKept(
  upload: (onTrailer: (trailer: Metadata) => void) => Promise<{ readonly error: string }>,
): Promise<boolean> {
  let retryMs: string | undefined;
  try {
    const { error } = await upload((trailer) => {
      retryMs = trailer.get('grpc-retry-pushback-ms');
    });
    if (error !== '') throw new Error(`a large upload failed: ${error}`);
    return true;
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== Status.RESOURCE_EXHAUSTED) throw error;
    if (retryMs === undefined) throw new Error(`not told when to try again: ${error.message}`);
    return false;
  }
}
