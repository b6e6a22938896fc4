import cliProgress from 'cli-progress';
import { megabytes } from './text.js';

/** How far something is: a bar on the terminal, once it has taken a second. */
export interface ProgressBar {
  /** So much of the whole is done; `facts` is shown beside the bar. A whole that nobody knows has no bar. */
  update(done: number, whole: number | undefined, facts: string): void;
  /** Takes the bar off the terminal. */
  stop(): void;
}

/** What takes less is over before a bar can be read. */
const quietMs = 1000;

/** Starts the clock; nothing is ever shown where standard error is no terminal. */
export function progressBar(): ProgressBar {
  const startMs = performance.now();
  let bar: cliProgress.SingleBar | undefined;
  return {
    update(done, whole, facts) {
      const ms = performance.now() - startMs;
      if (ms < quietMs || !process.stderr.isTTY) return;
      const left = whole === undefined || done === 0 ? '' : ` | ${timeLeft(ms, done, whole)} left`;
      const payload = { facts: facts + left };
      if (bar === undefined) {
        bar = new cliProgress.SingleBar({
          format: whole === undefined ? '{facts}' : '{bar} {facts}',
          // The terminal is left as it is, so that Ctrl-C has nothing to put right.
          hideCursor: false,
          linewrap: true,
          clearOnComplete: true,
        });
        bar.start(whole ?? 1, done, payload);
      }
      if (whole !== undefined) bar.setTotal(whole);
      bar.update(done, payload);
    },
    stop: () => bar?.stop(),
  };
}

/** Returns a clock that says how many MB a second so many bytes were since now. */
export function megabytesPerSecond(): (bytes: number) => string {
  const startMs = performance.now();
  return (bytes) => `${megabytes((bytes / (performance.now() - startMs)) * 1000)} MB/s`;
}

function timeLeft(ms: number, done: number, whole: number): string {
  const seconds = Math.ceil((((whole - done) / done) * ms) / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
