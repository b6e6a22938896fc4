/** The uploads in progress, by idempotency key. */
export type UploadTurns = Map<string, Promise<unknown>>;

/**
 * Runs `work` once no other work of the same key is in progress.
 *
 * Throws, without running it, if `signal` is aborted before.
 */
export async function inTurn<T>(
  turns: UploadTurns,
  key: string,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const aborted = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  for (let before = turns.get(key); before !== undefined; before = turns.get(key)) {
    await Promise.race([before.catch(() => {}), aborted]);
    signal.throwIfAborted();
  }
  const done = work().finally(() => turns.delete(key));
  turns.set(key, done);
  return done;
}
