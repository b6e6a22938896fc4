/** How much a gate lets in, and how much it lets wait. */
export interface GateLimits {
  /** Bytes of all messages that are let in and not yet released. */
  readonly bytesMax: number;
  readonly waitingCallsMax: number;
  /** Bytes of the messages that wait, none of which has been read. */
  readonly waitingBytesMax: number;
  readonly waitMsMax: number;
  /** Below that, over its whole time, a message that comes is given up while others wait. */
  readonly messageBytesPerSecondMin: number;
}

/** Why a message is not let in, or not let finish: the limit that it has met. */
export type Refusal = Exclude<keyof GateLimits, 'bytesMax'>;

/** A message that is let in, or waits for it. */
export interface Admission {
  readonly isAdmitted: boolean;
  readonly isReleased: boolean;
  /** Whoever holds the message releases it; otherwise it goes with its call. */
  isHeld: boolean;
  /** Says that so many of its bytes are there; `Infinity`: all of them. */
  received(bytes: number): void;
  /** Counts from now on how fast its bytes come: none has, as far as that matters. */
  beginAnew(): void;
  /** Gives back what the message turns out not to need. */
  shrink(bytes: number): void;
  /** Gives back everything, once; a message that waits will not be let in. */
  release(): void;
}

export interface Waiter {
  /** Later, when a message that had to wait is let in. */
  onAdmitted(): void;
  /** The message is released already. */
  onRefused(limit: Refusal): void;
}

/** What is the same for all calls of a connection. */
export type Connection = object | string;

/** Admitted messages must have begun to come by then. */
const graceMs = 2000;
const slowCheckMs = 500;

/**
 * Lets messages in as long as their bytes fit, and the others wait.
 *
 * Connections take turns, and within a connection the first comes first. The next message in that
 * order is waited for even if a smaller one would fit: so a large one gets its turn.
 */
export class AdmissionGate {
  readonly #limits: GateLimits;
  /** In the order of their turns. */
  readonly #waiting = new Map<Connection, Entry[]>();
  readonly #receiving = new Set<Entry>();
  #slowCheck: NodeJS.Timeout | undefined;
  #admittedBytes = 0;
  #waitingBytes = 0;
  #waitingCalls = 0;

  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  get admittedBytes(): number {
    return this.#admittedBytes;
  }

  get waitingCalls(): number {
    return this.#waitingCalls;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * Lets a message of a connection in, at once or later; a limit that it is past is returned.
   *
   * A message of more than `bytesMax` must not come here: it would wait for ever.
   */
  admit(connection: Connection, bytes: number, waiter: Waiter): Admission | Refusal {
    const { waitingCallsMax, waitingBytesMax, waitMsMax } = this.#limits;
    const entry = new Entry(this, connection, bytes, waiter);
    if (this.#waitingCalls === 0 && this.#fits(bytes)) {
      this.#letIn(entry);
      return entry;
    }
    if (this.#waitingCalls >= waitingCallsMax) return 'waitingCallsMax';
    if (this.#waitingBytes + bytes > waitingBytesMax) return 'waitingBytesMax';
    const queue = this.#waiting.get(connection);
    if (queue === undefined) this.#waiting.set(connection, [entry]);
    else queue.push(entry);
    this.#waitingCalls++;
    this.#waitingBytes += bytes;
    entry.timer = setTimeout(() => this.#refuse(entry, 'waitMsMax'), waitMsMax);
    this.#slowCheck ??= setInterval(() => this.#refuseSlow(), slowCheckMs);
    return entry;
  }

  /** For entries only. */
  endOf(entry: Entry): void {
    this.#receiving.delete(entry);
    if (entry.isAdmitted) this.#admittedBytes -= entry.bytes;
    else this.#leaveQueue(entry);
    this.#letNextIn();
  }

  /** For entries only. */
  shrunk(bytes: number): void {
    this.#admittedBytes -= bytes;
    this.#letNextIn();
  }

  /** For entries only. */
  complete(entry: Entry): void {
    this.#receiving.delete(entry);
  }

  /** For entries only. */
  receive(entry: Entry): void {
    this.#receiving.add(entry);
  }

  #fits(bytes: number): boolean {
    return this.#admittedBytes + bytes <= this.#limits.bytesMax;
  }

  #letIn(entry: Entry): void {
    this.#admittedBytes += entry.bytes;
    this.#receiving.add(entry);
    entry.isAdmitted = true;
    entry.admittedAtMs = performance.now();
  }

  #letNextIn(): void {
    for (const [connection, [next]] of this.#waiting) {
      if (next === undefined || !this.#fits(next.bytes)) break;
      this.#leaveQueue(next);
      // Its connection's next turn comes after all others'.
      const rest = this.#waiting.get(connection);
      if (rest !== undefined) {
        this.#waiting.delete(connection);
        this.#waiting.set(connection, rest);
      }
      this.#letIn(next);
      next.waiter.onAdmitted();
    }
  }

  #leaveQueue(entry: Entry): void {
    clearTimeout(entry.timer);
    const queue = this.#waiting.get(entry.connection) ?? [];
    queue.splice(queue.indexOf(entry), 1);
    if (queue.length === 0) this.#waiting.delete(entry.connection);
    this.#waitingCalls--;
    this.#waitingBytes -= entry.bytes;
    if (this.#waitingCalls > 0) return;
    clearInterval(this.#slowCheck);
    this.#slowCheck = undefined;
  }

  #refuse(entry: Entry, limit: Refusal): void {
    entry.release();
    entry.waiter.onRefused(limit);
  }

  #refuseSlow(): void {
    const nowMs = performance.now();
    for (const entry of this.#receiving) {
      const seconds = (nowMs - entry.admittedAtMs - graceMs) / 1000;
      if (entry.receivedBytes < seconds * this.#limits.messageBytesPerSecondMin) {
        this.#refuse(entry, 'messageBytesPerSecondMin');
      }
    }
  }
}

class Entry implements Admission {
  isAdmitted = false;
  isHeld = false;
  receivedBytes = 0;
  admittedAtMs = 0;
  timer: NodeJS.Timeout | undefined;
  isReleased = false;

  constructor(
    readonly gate: AdmissionGate,
    readonly connection: Connection,
    public bytes: number,
    readonly waiter: Waiter,
  ) {}

  received(bytes: number): void {
    this.receivedBytes = bytes;
    if (bytes >= this.bytes) this.gate.complete(this);
  }

  beginAnew(): void {
    if (this.isReleased) return;
    this.receivedBytes = 0;
    this.admittedAtMs = performance.now();
    this.gate.receive(this);
  }

  shrink(bytes: number): void {
    if (this.isReleased || bytes >= this.bytes) return;
    const given = this.bytes - bytes;
    this.bytes = bytes;
    this.gate.shrunk(given);
  }

  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.gate.endOf(this);
  }
}
