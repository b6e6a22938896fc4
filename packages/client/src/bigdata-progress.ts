import cliProgress from 'cli-progress';

/** How far a run of uploads is: a bar on the terminal while it lasts, one line when it is over. */
export interface UploadProgress {
  /** One more file of this size has been kept by the server. */
  uploaded(rows: number, bytes: number): void;
  /** Takes the bar off the terminal. */
  stop(): void;
  /** Files, rows, bytes, time and rates so far, as a sentence. */
  summary(): string;
}

const whole = (n: number) => n.toLocaleString('en-US', { maximumFractionDigits: 0 });
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

/** Starts the clock, and the bar if standard error is a terminal. */
export function uploadProgress(files: number): UploadProgress {
  const startMs = performance.now();
  let done = 0;
  let rowsDone = 0;
  let bytesDone = 0;
  let bytesMax = 0;
  const bar = new cliProgress.SingleBar({
    format: '{bar} {value}/{total} files | {rate} | {left} left',
    // The terminal is left as it is, so that Ctrl-C has nothing to put right.
    hideCursor: false,
    linewrap: true,
    clearOnComplete: true,
  });
  const seconds = () => (performance.now() - startMs) / 1000;
  const rate = () =>
    `${whole(rowsDone / seconds())} rows/s, ${megabytes(bytesDone / seconds())} MB/s`;
  bar.start(files, 0, { rate: 'no rate yet', left: 'unknown' });
  return {
    uploaded(rows, bytes) {
      done++;
      rowsDone += rows;
      bytesDone += bytes;
      bytesMax = Math.max(bytesMax, bytes);
      bar.update(done, { rate: rate(), left: duration((seconds() / done) * (files - done)) });
    },
    stop: () => bar.stop(),
    summary: () =>
      `Uploaded ${whole(done)} files: ${whole(rowsDone)} rows, ${megabytes(bytesDone)} MB ` +
      `(largest file ${whole(bytesMax)} bytes) in ${seconds().toFixed(1)} s: ${rate()}.`,
  };
}

function duration(seconds: number): string {
  const left = Math.ceil(seconds);
  return left < 60 ? `${left} s` : `${Math.floor(left / 60)} min ${left % 60} s`;
}
