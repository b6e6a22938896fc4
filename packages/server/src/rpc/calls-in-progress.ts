/** A call in progress, as far as its place matters. */
export interface PlacedCall {
  /** Whether it waits for its client, who is slower than may be while others wait. */
  isSlow(nowMs: number): boolean;
  /** Ends it, because another has its place. */
  giveUp(): void;
}

/**
 * The calls in progress of each connection, oldest first.
 *
 * Without a say in who keeps a place, a few clients that neither send nor read could hold all of
 * them for as long as they like.
 */
export class CallsInProgress {
  readonly #byConnection = new Map<object, Set<PlacedCall>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Returns how the call gives its place back; a second time is no fault. */
  enter(connection: object, call: PlacedCall): () => void {
    const calls = this.#byConnection.get(connection) ?? new Set();
    this.#byConnection.set(connection, calls.add(call));
    this.#count++;
    return () => this.#leave(connection, call);
  }

  /** Ends a slow call of the connection with most calls; returns false if no call is slow. */
  giveUpSlowest(): boolean {
    const nowMs = performance.now();
    // Connections with the most calls first: who has few keeps them.
    const connections = [...this.#byConnection].sort(([, a], [, b]) => b.size - a.size);
    for (const [connection, calls] of connections) {
      for (const call of calls) {
        if (!call.isSlow(nowMs)) continue;
        // Now, and not when its stream is closed: the place is needed at once.
        this.#leave(connection, call);
        call.giveUp();
        return true;
      }
    }
    return false;
  }

  #leave(connection: object, call: PlacedCall): void {
    const calls = this.#byConnection.get(connection);
    if (calls === undefined || !calls.delete(call)) return;
    this.#count--;
    if (calls.size === 0) this.#byConnection.delete(connection);
  }
}
