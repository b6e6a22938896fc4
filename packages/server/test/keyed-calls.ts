import { type CallOptions, Metadata } from 'nice-grpc';

/** Options for a call with an idempotency key, and what its answer's metadata says. */
export interface KeyedCall extends CallOptions {
  /** Whether the answer was that of an earlier call with the key. */
  isReplay(): boolean;
}

export function keyed(key: string): KeyedCall {
  let trailer = Metadata();
  return {
    metadata: Metadata({ 'tally-idempotency-key': key }),
    onTrailer(received) {
      trailer = received;
    },
    isReplay: () => trailer.get('tally-idempotent-replay') === 'true',
  };
}

/** Keys that clients must not use, and what they are told. */
export const badKeys = [
  { name: 'an empty key', key: '', fault: 'has 0 characters' },
  { name: 'a key of 129 characters', key: 'k'.repeat(129), fault: 'has 129 characters' },
  { name: 'a key with a space', key: 'a b', fault: 'holds a character of another kind' },
].map((bad) => ({
  ...bad,
  sentence:
    `the idempotency key ${bad.fault}: 1 to 128 printable ASCII characters without spaces ` +
    'are allowed',
}));

/** Flags for node that end the process by SIGKILL when it is about to send its first reply. */
export const dyingBeforeReply = preloading(`
  import http2 from 'node:http2';
  const { createServer } = http2;
  http2.createServer = (...given) => createServer(...given).on('stream', (stream) => {
    stream.respond = () => process.kill(process.pid, 'SIGKILL');
  });
`);

/** Flags for node that let the process's clock be ahead. */
export const hoursAhead = (hours: number) =>
  preloading(`const now = Date.now; Date.now = () => now() + ${hours} * 3_600_000;`);

function preloading(script: string): readonly string[] {
  return ['--import', `data:text/javascript,${encodeURIComponent(script)}`];
}
