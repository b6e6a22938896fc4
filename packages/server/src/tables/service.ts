import type { TableServiceImplementation } from '@tally/stubs';
import type { Observed } from '../observe/observe-calls.js';
import { systemErrorSentence } from '../rpc/errors.js';
import { holdMessage } from '../rpc/held-messages.js';
import { idempotencyKeyOf, markReplay } from '../rpc/idempotency-key.js';
import { whenOpened } from '../rpc/when-opened.js';
import { type Catalog, TableStoppedError, UnseenCommitError } from './catalog.js';
import { areChecked } from './checked-files.js';
import { type Format, sumColumn } from './column-sum.js';
import { type IngestContext, type UploadAnswer, type UploadCall, upload } from './ingest.js';
import { UncertainCommitError } from './log-errors.js';
import type { Pieces } from './spool.js';
import type { Tables } from './tables.js';

/** The existing clients' Table; calls wait until `opening` has resolved. */
export function tableService(opening: Promise<Tables>): TableServiceImplementation<Observed> {
  const open = whenOpened(opening);
  return {
    async upload({ csvData }, context) {
      const { signal, stages } = context;
      const key = idempotencyKeyOf(context);
      const letGo = holdMessage(csvData);
      try {
        const { ingest } = (await open(stages)).default;
        signal.throwIfAborted();
        const call = { signal, stages, idempotencyKey: () => key };
        const piece = onlyPiece(csvData, letGo);
        const result = await uploadOrSentence(ingest, piece, call, '/Table/Upload');
        if (typeof result === 'string') return { error: result };
        if (result.isReplay) markReplay(context);
        return {};
      } finally {
        letGo();
      }
    },

    async colSum({ column, format }, { metadata, signal, trailer, stages }) {
      const { sum } = (await open(stages)).default;
      signal.throwIfAborted();
      if (!isFormat(format)) {
        return {
          error: `the format ${JSON.stringify(format)} is unknown: csv or parquet is allowed`,
        };
      }
      if (column === '') return { error: 'the column name is empty: name the column to sum' };
      const checked = areChecked(metadata);
      if (typeof checked === 'string') return { error: checked };
      const result = await sentenceIfStopped(() =>
        sumColumn(sum, column, format, checked, signal, stages),
      );
      if (typeof result === 'string') return { error: result };
      if ('error' in result) return result;
      const { total, cacheHits, filesRead, filesChecked } = result;
      trailer.set('tally-sum-cache-hits', String(cacheHits));
      trailer.set('tally-files-read', String(filesRead));
      if (checked) trailer.set('tally-files-checked', String(filesChecked));
      if (BigInt.asIntN(64, total) === total) return { total };
      return { error: `the total of ${JSON.stringify(column)} is ${total}, which is past int64` };
    },
  };
}

/** Gives the bytes out once, and lets them go when more is asked for: they are on the disk by then. */
function* onlyPiece(bytes: Uint8Array, letGo: () => void): Generator<Uint8Array> {
  try {
    yield bytes;
  } finally {
    letGo();
  }
}

const isFormat = (format: string): format is Format => format === 'csv' || format === 'parquet';

/** The chunk that was kept of a call of `path`, or why nothing was kept. */
export async function uploadOrSentence(
  ingest: IngestContext,
  csv: Pieces,
  call: UploadCall,
  path: string,
): Promise<UploadAnswer | string> {
  try {
    const result = await sentenceIfStopped(() => upload(ingest, csv, call));
    return typeof result === 'object' && 'fault' in result ? result.fault : result;
  } catch (error) {
    if (call.signal.aborted) throw error;
    // A table that was dropped meanwhile lets an upload fail somewhere.
    const sentence = (await whyStopped(ingest.catalog)) ?? systemErrorSentence(error, path);
    if (sentence === undefined) throw error;
    return sentence;
  }
}

/** Why a table takes no calls; undefined if it takes them. */
async function whyStopped(catalog: Catalog): Promise<string | undefined> {
  const state = await sentenceIfStopped(() => catalog.state());
  return typeof state === 'string' ? state : undefined;
}

/** What `work` resolves to, or why the table is stopped. */
async function sentenceIfStopped<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TableStoppedError || error instanceof UnseenCommitError)
      return error.message;
    if (error instanceof UncertainCommitError) return `the table is stopped: ${error.message}`;
    throw error;
  }
}
