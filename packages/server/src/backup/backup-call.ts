import type {
  AdminServiceImplementation,
  BackedUpFile,
  BackupRequest,
  BackupResponse,
  DeepPartial,
} from '@tally/stubs';
import { Mutex } from 'async-mutex';
import { type CallContext, Status } from 'nice-grpc';
import { logger } from '../logger.js';
import type { Observed } from '../observe/observe-calls.js';
import { badRequest, failure } from '../rpc/rich-errors.js';
import { whenOpened } from '../rpc/when-opened.js';
import {
  piecesOf,
  type ServedData,
  type Snapshot,
  SnapshotError,
  takeSnapshot,
} from './snapshot.js';

const filesPerBatch = 1000;

/** What operators call. */
export interface Administration {
  readonly service: AdminServiceImplementation<Observed>;
  /** Resolves when no backup is being taken, and what the last one has made for itself is removed. */
  idle(): Promise<void>;
}

/** Calls wait until `opening` has resolved. */
export function administration(opening: Promise<ServedData>, dataDir: string): Administration {
  const open = whenOpened(opening);
  const turn = new Mutex();
  return {
    service: {
      async *backup(requests, context) {
        const data = await open(context.stages);
        if (turn.isLocked()) {
          const sentence = 'another backup is being taken: there is one at a time';
          throw failure(Status.ABORTED, sentence, { reason: 'BACKUP_UNDER_WAY' });
        }
        const end = await turn.acquire();
        try {
          yield* send(data, dataDir, requests, context);
        } finally {
          end();
        }
      },
    },
    idle: () => turn.waitForUnlock(),
  };
}

async function* send(
  data: ServedData,
  dataDir: string,
  requests: AsyncIterable<BackupRequest>,
  { signal, stages }: CallContext & Observed,
): AsyncGenerator<DeepPartial<BackupResponse>> {
  stages.enter('snapshot');
  const snapshot = await takeSnapshot(data, dataDir, signal).catch((error) => {
    if (!(error instanceof SnapshotError)) throw error;
    throw failure(Status.FAILED_PRECONDITION, error.message, { reason: 'TABLE_DAMAGED' });
  });
  try {
    yield { summary: snapshot.summary };
    stages.enter('read');
    const answers = requests[Symbol.asyncIterator]();
    for await (const files of snapshot.batches(filesPerBatch)) {
      yield { batch: { files } };
      const { value, done } = await answers.next();
      if (done)
        throw badRequest(
          'wanted',
          'the client has said nothing of the last batch',
          'BATCH_UNANSWERED',
        );
      for (const file of wantedOf(files, value)) yield* sendFile(snapshot, file);
    }
  } finally {
    await snapshot.release().catch((error: Error) => {
      logger.error(
        `What a backup has left cannot be removed before the next start: ${error.message}`,
      );
    });
  }
}

/** Throws INVALID_ARGUMENT for places that are not in the batch, or in disorder. */
function wantedOf(files: readonly BackedUpFile[], { wanted }: BackupRequest): BackedUpFile[] {
  return wanted.map((place, i) => {
    const file = files[place];
    if (file !== undefined && (i === 0 || place > (wanted[i - 1] as number))) return file;
    throw badRequest(
      `wanted[${i}]`,
      `the place ${place} is not in ascending order, or not of this batch: 0 to ${files.length - 1} are`,
      'PLACE_NOT_IN_BATCH',
    );
  });
}

async function* sendFile(
  snapshot: Snapshot,
  file: BackedUpFile,
): AsyncGenerator<DeepPartial<BackupResponse>> {
  for await (const data of piecesOf(snapshot.fileOf(file))) yield { data };
}
