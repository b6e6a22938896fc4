import type { VerifyProgress } from '@tally/server/verify';
import cliProgress from 'cli-progress';

/** How far a check is: a bar on the terminal, once it has taken a second. */
export interface VerifyBar {
  update(progress: VerifyProgress): void;
  /** Takes the bar off the terminal. */
  stop(): void;
}

/** What takes less is over before a bar can be read. */
const quietMs = 1000;

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

export function verifyProgress(): VerifyBar {
  const startMs = performance.now();
  let isShown = false;
  const bar = new cliProgress.SingleBar({
    format: '{bar} {value}/{total} commits | {megabytes} MB, {rate} MB/s | {entries} entries',
    // The terminal is left as it is, so that Ctrl-C has nothing to put right.
    hideCursor: false,
    linewrap: true,
    clearOnComplete: true,
  });
  return {
    update({ commits, commitsMax, bytes, entries }) {
      const ms = performance.now() - startMs;
      if (ms < quietMs) return;
      const rate = megabytes((bytes / ms) * 1000);
      const payload = { megabytes: megabytes(bytes), rate, entries };
      if (!isShown) bar.start(commitsMax, commits, payload);
      isShown = true;
      bar.setTotal(commitsMax);
      bar.update(commits, payload);
    },
    stop() {
      if (isShown) bar.stop();
    },
  };
}
