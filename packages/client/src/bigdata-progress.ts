import { progressBar } from './terminal/progress-bar.js';
import { megabytes, whole } from './terminal/text.js';

/** How far a run of uploads is: a bar on the terminal while it lasts, its numbers when it is over. */
export interface BigdataProgress {
  /** One more file of this size has been kept by the server. */
  uploaded(rows: number, bytes: number): void;
  /** Takes the bar off the terminal. */
  stop(): void;
  /** The numbers so far. */
  totals(): BigdataTotals;
}

/** What has been uploaded, and how fast. */
export interface BigdataTotals {
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly largestFileBytes: number;
  readonly seconds: number;
  readonly rowsPerSecond: number;
  readonly megabytesPerSecond: number;
}

/** Starts the clock. */
export function bigdataProgress(filesMax: number): BigdataProgress {
  const startMs = performance.now();
  const bar = progressBar();
  let files = 0;
  let rows = 0;
  let bytes = 0;
  let largestFileBytes = 0;
  const totals = () => {
    const seconds = (performance.now() - startMs) / 1000;
    const rowsPerSecond = rows / seconds;
    const megabytesPerSecond = bytes / 1e6 / seconds;
    return { files, rows, bytes, largestFileBytes, seconds, rowsPerSecond, megabytesPerSecond };
  };
  return {
    uploaded(moreRows, moreBytes) {
      files++;
      rows += moreRows;
      bytes += moreBytes;
      largestFileBytes = Math.max(largestFileBytes, moreBytes);
      bar.update(files, filesMax, `${files}/${filesMax} files | ${rates(totals())}`);
    },
    stop: () => bar.stop(),
    totals,
  };
}

/** The numbers as a sentence. */
export const totalsSentence = (totals: BigdataTotals): string =>
  `Uploaded ${whole(totals.files)} files: ${whole(totals.rows)} rows, ${megabytes(totals.bytes)} MB ` +
  `(largest file ${whole(totals.largestFileBytes)} bytes) in ${totals.seconds.toFixed(1)} s: ` +
  `${rates(totals)}.`;

const rates = ({ rowsPerSecond, megabytesPerSecond }: BigdataTotals) =>
  `${whole(rowsPerSecond)} rows/s, ${megabytesPerSecond.toFixed(1)} MB/s`;
