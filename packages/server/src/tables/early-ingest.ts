import { beside, type Stages } from '../observe/call-record.js';
import type { TaskClock } from '../task-time.js';
import type { Fault } from './file-fault.js';
import { breakOffGrowth, completeGrowth, createGrowth, grow } from './growth.js';
import type { IngestContext } from './ingest.js';
import type { Stop } from './stop.js';
import type { IngestedChunk, IngestTask } from './worker.js';

/** Where an upload's files are while it is in progress, and where they stay. */
export type IngestFiles = Pick<
  IngestTask,
  'spoolPath' | 'parquetSpoolPath' | 'csvPath' | 'parquetPath'
>;

/** The conversion of an upload while it is being spooled. */
export interface EarlyIngest {
  /** Says how large the spooled file is. */
  grow(bytes: number): void;
  /** Says that the spooled file has all its bytes. */
  complete(): void;
  /** The chunk; undefined if the file must be converted now that it is complete. */
  ingested(): Promise<IngestedChunk | Fault | undefined>;
  /** Ends what is still in progress. */
  breakOff(): Promise<void>;
}

/** Bytes of an upload from which on it is worth while. */
const earlyBytesMin = 8 * 1024 * 1024;

/**
 * Converts a large upload while it comes, if no other upload is being so: a thread is left for
 * those that are complete. One that comes slowly is given up, and converted once it is complete.
 */
export function createEarlyIngest(
  { catalog, pool, limits, sync, early }: IngestContext,
  files: IngestFiles,
  stop: Stop,
  stages: Stages,
): EarlyIngest {
  const growth = createGrowth();
  let clock: TaskClock | undefined;
  const besides: Stages = {
    ...beside(stages),
    enterWork(_stage, ofTask) {
      clock = ofTask;
    },
  };
  let ingested: Promise<IngestedChunk | Fault | undefined> | undefined;

  async function start(): Promise<IngestedChunk | Fault | undefined> {
    const fields = await catalog.fields();
    return pool.ingest({ ...files, fields, limits, sync, growth, stop }, besides);
  }

  return {
    grow(bytes) {
      grow(growth, bytes);
      if (ingested !== undefined || bytes < earlyBytesMin) return;
      if (early === undefined || early.isLocked()) return;
      ingested = early.runExclusive(start);
      ingested.catch(() => {});
    },
    complete: () => completeGrowth(growth),
    async ingested() {
      if (clock !== undefined) stages.enterWork('convert', clock);
      return ingested;
    },
    async breakOff() {
      breakOffGrowth(growth);
      await ingested?.catch(() => {});
    },
  };
}
