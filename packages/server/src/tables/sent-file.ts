import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Stages } from '../observe/call-record.js';
import { type CsvForm, digestOfForm } from './csv-form.js';
import type { Fault } from './file-fault.js';
import type { IngestContext } from './ingest.js';
import type { NormalisedCsv } from './normalise.js';
import type { Stop } from './stop.js';

/** The file of an upload as it came, which is not how it is kept. */
export interface SentFile {
  /** Where its bytes go. */
  readonly path: string;
  /** A digest of the options with which it came. */
  readonly options: string;
  /** Writes it in Tally's own form, and removes it; or says what is wrong with it. */
  normalise(): Promise<NormalisedCsv | Fault>;
  /** Removes what there still is of it. */
  remove(): Promise<void>;
}

/** A file of this form that becomes the one at `csvPath`. */
export function createSentFile(
  { folders, pool, limits }: IngestContext,
  form: CsvForm,
  csvPath: string,
  stop: Stop,
  stages: Stages,
): SentFile {
  const sentPath = path.join(folders.spool, `${randomUUID()}.csv`);
  const unpackedPath = path.join(folders.spool, `${randomUUID()}.csv`);

  async function remove(): Promise<void> {
    for (const file of [sentPath, unpackedPath]) await rm(file, { force: true });
  }

  return {
    path: sentPath,
    options: digestOfForm(form),
    async normalise() {
      try {
        const task = { form, sentPath, unpackedPath, csvPath, limits, stop };
        return await pool.normalise(task, stages);
      } finally {
        await remove();
      }
    },
    remove,
  };
}
