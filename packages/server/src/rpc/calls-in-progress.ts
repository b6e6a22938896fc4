/** A call in progress, as far as its place matters. */
export interface PlacedCall {
  /** Whether all that is left of it is that its client takes the answer. */
  isAnswered(): boolean;
  /** Whether it waits for its client, who sends more slowly than may be while others wait. */
  isSlow(nowMs: number): boolean;
  /** Ends it, because another has its place. */
  giveUp(): void;
  /** Ends it, because the server does. */
  refuse(): void;
}

/**
 * The calls in progress, and beside them as many whose answers have not been taken.
 *
 * Without a say in who keeps a place, a few clients that neither send nor read could hold all of
 * them for as long as they like.
 */
export class CallsInProgress {
  readonly #max: number;
  readonly #working = new Places();
  readonly #answered = new Places();

  constructor(max: number) {
    this.#max = max;
  }

  /** Makes room for one more call; returns false if there is none. */
  makeRoom(): boolean {
    if (this.#working.count < this.#max) return true;
    // Only now, as most answers are taken at once.
    this.#working.moveAnswered(this.#answered);
    while (this.#answered.count > this.#max) this.#answered.giveUpFirst(() => true);
    if (this.#working.count < this.#max) return true;
    const nowMs = performance.now();
    return this.#working.giveUpFirst((call) => call.isSlow(nowMs));
  }

  get count(): number {
    return this.#working.count;
  }

  /** Whether there is none, not even one whose client still takes the answer. */
  get isEmpty(): boolean {
    return this.#working.count === 0 && this.#answered.count === 0;
  }

  /** Ends all that are not answered yet. */
  refuseAll(): void {
    this.#working.moveAnswered(this.#answered);
    for (const call of this.#working.all()) call.refuse();
  }

  /** Returns how the call gives its place back; a second time is no fault. */
  enter(connection: object, call: PlacedCall): () => void {
    this.#working.add(connection, call);
    return () => {
      this.#working.delete(connection, call);
      this.#answered.delete(connection, call);
    };
  }
}

/** The calls of each connection, oldest first. */
class Places {
  readonly #byConnection = new Map<object, Set<PlacedCall>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(connection: object, call: PlacedCall): void {
    const calls = this.#byConnection.get(connection) ?? new Set();
    this.#byConnection.set(connection, calls.add(call));
    this.#count++;
  }

  delete(connection: object, call: PlacedCall): void {
    const calls = this.#byConnection.get(connection);
    if (calls === undefined || !calls.delete(call)) return;
    this.#count--;
    if (calls.size === 0) this.#byConnection.delete(connection);
  }

  all(): PlacedCall[] {
    return [...this.#byConnection.values()].flatMap((calls) => [...calls]);
  }

  moveAnswered(to: Places): void {
    for (const [connection, calls] of this.#byConnection) {
      for (const call of calls) {
        if (!call.isAnswered()) continue;
        this.delete(connection, call);
        to.add(connection, call);
      }
    }
  }

  /** Ends the first such call of the connection with most calls; returns false if there is none. */
  giveUpFirst(isSuch: (call: PlacedCall) => boolean): boolean {
    // Connections with the most calls first: who has few keeps them.
    const connections = [...this.#byConnection].sort(([, a], [, b]) => b.size - a.size);
    for (const [connection, calls] of connections) {
      for (const call of calls) {
        if (!isSuch(call)) continue;
        // Now, and not when its stream is closed: the place is needed at once.
        this.delete(connection, call);
        call.giveUp();
        return true;
      }
    }
    return false;
  }
}
