import cliProgress from 'cli-progress';

/** How far the sending of one large file is: a bar on the terminal while it lasts. */
export interface SendingProgress {
  /** So many more bytes are on their way. */
  sent(bytes: number): void;
  /** Takes the bar off the terminal. */
  stop(): void;
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

/** Starts the clock, and the bar if standard error is a terminal. */
export function sendingProgress(name: string, bytesMax: number): SendingProgress {
  const startMs = performance.now();
  let bytes = 0;
  const bar = new cliProgress.SingleBar({
    // The name at the end, where a narrow terminal cuts.
    format: `{bar} {megabytes}/${megabytes(bytesMax)} MB | {doing} | {name}`,
    // The terminal is left as it is, so that Ctrl-C has nothing to put right.
    hideCursor: false,
    linewrap: true,
    clearOnComplete: true,
  });
  bar.start(bytesMax, 0, { name, megabytes: megabytes(0), doing: 'no rate yet' });
  return {
    sent(more) {
      bytes += more;
      const rate = (bytes / (performance.now() - startMs)) * 1000;
      const doing = bytes < bytesMax ? `${megabytes(rate)} MB/s` : 'sent: the server converts it';
      bar.update(bytes, { megabytes: megabytes(bytes), doing });
    },
    stop: () => bar.stop(),
  };
}
