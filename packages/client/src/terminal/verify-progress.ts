import type { VerifyProgress } from '@tally/server/verify';
import { megabytesPerSecond, progressBar } from './progress-bar.js';
import { megabytes, whole } from './text.js';

/** How far a check is. */
export interface VerifyBar {
  update(progress: VerifyProgress): void;
  /** Takes the bar off the terminal. */
  stop(): void;
}

export function verifyProgress(): VerifyBar {
  const bar = progressBar();
  const rate = megabytesPerSecond();
  return {
    update({ commits, commitsMax, bytes, entries }) {
      const facts =
        `${whole(commits)}/${whole(commitsMax)} commits | ${megabytes(bytes)} MB, ${rate(bytes)} | ` +
        `${whole(entries)} entries`;
      bar.update(commits, commitsMax, facts);
    },
    stop: () => bar.stop(),
  };
}
