import { setDefaultHighWaterMark } from 'node:stream';
import type { TableServiceV1Implementation, UploadRequest } from '@tally/stubs';
import type { Observed } from '../observe/observe-calls.js';
import { holdMessage } from '../rpc/held-messages.js';
import { idempotencyKeyIn, idempotencyKeyOf, markReplay } from '../rpc/idempotency-key.js';
import { whenOpened } from '../rpc/when-opened.js';
import { columnTypes } from './column-types.js';
import { csvFormOf } from './csv-form.js';
import { existingTable } from './existing-table.js';
import { uploadOrSentence } from './service.js';
import { createStreamedSize } from './streamed-size.js';
import type { Tables } from './tables.js';

/** The streamed Upload of tally.v1; calls wait until `opening` has resolved. */
export function streamedUpload(
  opening: Promise<Tables>,
): TableServiceV1Implementation<Observed>['upload'] {
  // grpc-js reads messages of a stream ahead, as many as Node's default says: 16, each of up to
  // --message-bytes-max. With 1 it reads the next piece while one is written.
  setDefaultHighWaterMark(true, 1);
  const open = whenOpened(opening);
  return async (requests, context) => {
    const { signal, stages } = context;
    const keyOfCall = idempotencyKeyOf(context);
    const tables = await open(stages);
    signal.throwIfAborted();
    const messages = requests[Symbol.asyncIterator]();
    const first = await messages.next();
    const request: Partial<UploadRequest> = first.done ? {} : first.value;
    const { table: name, idempotencyKey, csvOptions } = request;
    const key = idempotencyKeyIn(idempotencyKey, keyOfCall);
    stages.enter('catalog');
    const { ingest } = await existingTable(tables, name);
    const form = csvFormOf(csvOptions, ingest.limits);
    const pieces = csvPieces(first, messages, signal);
    const call = { signal, stages, idempotencyKey: () => key, form };
    const path = '/tally.v1.TableService/Upload';
    const result = await uploadOrSentence(ingest, pieces, call, path);
    if (typeof result === 'string') return { error: result };
    if (result.isReplay) markReplay(context);
    return {
      rows: BigInt(result.rows),
      csvBytes: BigInt(result.csvBytes),
      chunkId: result.chunkId,
      parquetBytes: BigInt(result.parquetBytes),
      columns: result.columns.map(({ name, type }) => ({
        name,
        ...(type !== null && { type: columnTypes[type] }),
      })),
      rejectedRowCount: BigInt(result.rejectedRowCount),
      rejectedRows: result.rejectedRows.map(({ line, reason }) => ({ line: BigInt(line), reason })),
    };
  };
}

async function* csvPieces(
  first: IteratorResult<UploadRequest>,
  messages: AsyncIterator<UploadRequest>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const size = createStreamedSize();
  try {
    for (let next = first; !next.done; next = await messages.next()) {
      size.take(next.value);
      const { csvData } = next.value;
      const letGo = holdMessage(csvData);
      try {
        yield csvData;
      } finally {
        letGo();
      }
    }
  } finally {
    await messages.return?.();
  }
  // The pieces of a call that broke off end like those of a complete one.
  signal.throwIfAborted();
  size.checkWhole();
}
