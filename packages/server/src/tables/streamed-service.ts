import { setDefaultHighWaterMark } from 'node:stream';
import type { TableServiceV1Implementation, UploadRequest } from '@tally/stubs';
import { holdMessage } from '../rpc/held-messages.js';
import { idempotencyKeyIn, idempotencyKeyOf, markReplay } from '../rpc/idempotency-key.js';
import { type Tables, uploadOrSentence } from './service.js';
import { createStreamedSize } from './streamed-size.js';

/** tally.v1's TableService; calls wait until `opening` has resolved. */
export function streamedTableService(
  opening: Promise<Tables>,
): Pick<TableServiceV1Implementation, 'upload'> {
  // grpc-js reads messages of a stream ahead, as many as Node's default says: 16, each of up to
  // --message-bytes-max. With 1 it reads the next piece while one is written.
  setDefaultHighWaterMark(true, 1);
  return {
    async upload(requests, context) {
      const { signal } = context;
      let key = idempotencyKeyOf(context);
      const { ingest } = await opening;
      signal.throwIfAborted();
      const pieces = csvPieces(requests, signal, (first) => {
        key = idempotencyKeyIn(first.idempotencyKey, key);
      });
      const call = { signal, idempotencyKey: () => key };
      const path = '/tally.v1.TableService/Upload';
      const result = await uploadOrSentence(ingest, pieces, call, path);
      if (typeof result === 'string') return { error: result };
      if (result.isReplay) markReplay(context);
      return { rows: BigInt(result.rows), csvBytes: BigInt(result.csvBytes) };
    },
  };
}

async function* csvPieces(
  requests: AsyncIterable<UploadRequest>,
  signal: AbortSignal,
  onFirst: (request: UploadRequest) => void,
): AsyncGenerator<Uint8Array> {
  const size = createStreamedSize();
  let isFirst = true;
  for await (const request of requests) {
    if (isFirst) onFirst(request);
    isFirst = false;
    size.take(request);
    const letGo = holdMessage(request.csvData);
    try {
      yield request.csvData;
    } finally {
      letGo();
    }
  }
  // The pieces of a call that broke off end like those of a complete one.
  signal.throwIfAborted();
  size.checkWhole();
}
