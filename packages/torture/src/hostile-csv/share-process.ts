import type { Counts } from './counts.js';
import { runShare, type ShareOptions } from './share.js';

// One process of a run: it is told its share in a message, and sends what has come out so far.

/** What a process of a run says. */
export interface ShareMessage {
  readonly counts: Counts;
  readonly isDone: boolean;
}

/** Inputs between two messages. */
const inputsPerMessage = 250;

// Whatever ends the run ends the processes and removes the files of this share too.
process.once('disconnect', () => process.exit(1));
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.once('message', async (options: ShareOptions) => {
  let inputs = 0;
  const send = (message: ShareMessage) => process.send?.(message);
  const counts = await runShare(options, (sofar) => {
    if (++inputs % inputsPerMessage === 0) send({ counts: sofar, isDone: false });
  });
  process.removeAllListeners('disconnect');
  process.send?.({ counts, isDone: true } satisfies ShareMessage, () => process.disconnect());
});
