import { setDefaultHighWaterMark } from 'node:stream';
import type { TableServiceV1Implementation, UploadRequest } from '@tally/stubs';
import { holdMessage } from '../rpc/held-messages.js';
import { type Tables, uploadOrSentence } from './service.js';

/** tally.v1's TableService; calls wait until `opening` has resolved. */
export function streamedTableService(opening: Promise<Tables>): TableServiceV1Implementation {
  // grpc-js reads messages of a stream ahead, as many as Node's default says: 16, each of up to
  // --message-bytes-max. With 1 it reads the next piece while one is written.
  setDefaultHighWaterMark(true, 1);
  return {
    async upload(requests, { signal }) {
      const { ingest } = await opening;
      signal.throwIfAborted();
      const pieces = csvPieces(requests, signal);
      const result = await uploadOrSentence(
        ingest,
        pieces,
        signal,
        '/tally.v1.TableService/Upload',
      );
      if (typeof result === 'string') return { error: result };
      return { rows: BigInt(result.rows), csvBytes: BigInt(result.csvBytes) };
    },
  };
}

async function* csvPieces(
  requests: AsyncIterable<UploadRequest>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const { csvData } of requests) {
    const letGo = holdMessage(csvData);
    try {
      yield csvData;
    } finally {
      letGo();
    }
  }
  // The pieces of a call that broke off end like those of a complete one.
  signal.throwIfAborted();
}
