import type { Admission, AdmissionGate, Refusal } from './admission-gate.js';
import type { GrpcCall } from './grpc-call.js';
import { makeHoldable } from './held-messages.js';
import { inflate, inflationMax } from './inflate.js';

/** What is let in of any call at once: as much as one frame of HTTP/2, which Node reads as a whole. */
export const freeBytes = 16 * 1024;
/** A call's flow-control window: what it may send before anything is read, and what it costs to wait. */
export const windowBytes = 64 * 1024;

/** The gates that messages pass, by their size, so that no small one waits for large ones. */
export interface Gates {
  /** Of messages that fit into a window. */
  readonly small: AdmissionGate;
  readonly large: AdmissionGate;
  /** `bytesMax` of the large one. */
  readonly largeBytesMax: number;
}

/** How long a call may take before its client is called slow. */
const slowGraceMs = 100;

/** A flag, 1 for a compressed message, and its length in 4 bytes. */
const prefixBytes = 5;

/**
 * Assembles a call's messages, in place of grpc-js's decoder, in memory that a gate has let in.
 *
 * grpc-js keeps every piece that has come and copies them together at the end: twice the size of a
 * message, and for one that comes a byte at a time hundreds of times. Here a message has one buffer
 * from the start. Until its gate lets it in, the stream is paused, so that no more than its window
 * is on the server.
 */
export class MessageDecoder {
  readonly #call: GrpcCall;
  readonly #messageBytesMax: number;
  readonly #gates: Gates;
  readonly #onRefused: (limit: Refusal, isSmall: boolean) => void;
  /** Made when a prefix does not come in one piece. */
  #prefix: Buffer | undefined;
  #prefixUsed = 0;
  #message: Buffer | undefined;
  #used = 0;
  #admission: Admission | undefined;
  /** What came while the message waits, if it does. */
  #unread: Buffer[] | undefined;
  /** What has come since the handler began to wait for the client. */
  #receivedBytes = 0;
  #sinceMs = performance.now();
  #totalBytes = 0;
  /** Of messages that grpc-js has got, as long as they are not released. */
  #admissions: Map<Buffer, Admission> | undefined;

  constructor(
    call: GrpcCall,
    messageBytesMax: number,
    gates: Gates,
    onRefused: (limit: Refusal, isSmall: boolean) => void,
  ) {
    this.#call = call;
    this.#messageBytesMax = messageBytesMax;
    this.#gates = gates;
    this.#onRefused = onRefused;
  }

  /** As grpc-js's decoder has it: 0 between two messages. */
  get readState(): number {
    const isBetween =
      this.#prefixUsed === 0 && this.#message === undefined && this.#unread === undefined;
    return isBetween ? 0 : 1;
  }

  /** Says that the handler waits for the client from now on. */
  expectMore(): void {
    this.#receivedBytes = 0;
    this.#sinceMs = performance.now();
  }

  /** Whether the client sends more slowly than so many bytes a second. */
  isSlow(nowMs: number, bytesPerSecondMin: number): boolean {
    const { isReadPending, receivedHalfClose } = this.#call;
    if (!isReadPending || receivedHalfClose || this.#unread !== undefined) return false;
    const seconds = (nowMs - this.#sinceMs - slowGraceMs) / 1000;
    return this.#receivedBytes < seconds * bytesPerSecondMin;
  }

  /** What has come in all, as it came. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Takes the next piece of the stream; returns the messages that it completes. */
  write(data: Buffer): Buffer[] {
    this.#receivedBytes += data.length;
    this.#totalBytes += data.length;
    return this.#take(data);
  }

  #take(data: Buffer): Buffer[] {
    if (this.#unread !== undefined) {
      this.#wait(data);
      return [];
    }
    const messages: Buffer[] = [];
    for (let at = 0; at < data.length; ) {
      const whole = this.#wholeMessage(data, at);
      if (whole !== undefined) {
        messages.push(whole);
        at += whole.length;
        continue;
      }
      if (this.#message === undefined) {
        at += this.#readPrefix(data, at);
        if (this.#prefixUsed < prefixBytes) break;
        if (!this.#begin()) {
          this.#wait(data.subarray(at));
          break;
        }
      }
      at += this.#fill(data, at);
      const message = this.#completeMessage();
      if (message !== undefined) messages.push(message);
    }
    return messages;
  }

  /** Ends whatever the call has that nobody holds. */
  close(): void {
    this.#admission?.release();
    if (this.#admissions === undefined) return;
    for (const admission of this.#admissions.values()) if (!admission.isHeld) admission.release();
  }

  /** A message that the piece has as a whole, as that of nearly every short call. */
  #wholeMessage(data: Buffer, at: number): Buffer | undefined {
    if (this.#message !== undefined || this.#prefixUsed > 0 || data.length < at + prefixBytes)
      return;
    if (data[at] !== 0) return;
    const end = at + prefixBytes + data.readUInt32BE(at + 1);
    if (end > data.length || end - at > freeBytes) return;
    this.#checkSize(end - at - prefixBytes);
    // A copy: the piece is part of a larger buffer, which would be kept.
    return Buffer.from(data.subarray(at, end));
  }

  #readPrefix(data: Buffer, at: number): number {
    this.#prefix ??= Buffer.alloc(prefixBytes);
    const used = data.copy(this.#prefix, this.#prefixUsed, at, at + prefixBytes - this.#prefixUsed);
    this.#prefixUsed += used;
    return used;
  }

  get #size(): number {
    return (this.#prefix as Buffer).readUInt32BE(1);
  }

  get #isCompressed(): boolean {
    return this.#prefix?.[0] === 1;
  }

  #checkSize(bytes: number): void {
    if (bytes <= this.#messageBytesMax) return;
    // In grpc-js's words: message-size.ts makes a sentence of them.
    throw new Error(`Received message larger than max (${bytes} vs ${this.#messageBytesMax})`);
  }

  /** Whether the message whose prefix is there may be read on. */
  #begin(): boolean {
    this.#checkSize(this.#size);
    const bytes = this.#reservation();
    if (bytes > freeBytes) {
      const isSmall = bytes <= windowBytes;
      const gate = isSmall ? this.#gates.small : this.#gates.large;
      const admission = gate.admit(this.#call.stream.session ?? this.#call, bytes, {
        onAdmitted: () => this.#goOn(),
        onRefused: (limit) => this.#onRefused(limit, isSmall),
      });
      if (typeof admission === 'string') {
        // Not now: grpc-js is about to go on with this call.
        queueMicrotask(() => this.#onRefused(admission, isSmall));
        return false;
      }
      this.#admission = admission;
      if (!admission.isAdmitted) return false;
    }
    this.#allocate();
    return true;
  }

  /** The most memory that the message can take: with what it may unpack to, if it is compressed. */
  #reservation(): number {
    if (!this.#isCompressed) return this.#size;
    return this.#size + this.#inflatedBytesMax(this.#size);
  }

  #inflatedBytesMax(compressedBytes: number): number {
    const room = Math.max(this.#gates.largeBytesMax - compressedBytes, 0);
    return Math.min(compressedBytes * inflationMax, this.#messageBytesMax, room);
  }

  #allocate(): void {
    // Large ones have a buffer of their own, not a slice of Node's pool: it can be freed alone.
    const length = prefixBytes + this.#size;
    this.#message =
      length > freeBytes ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
    (this.#prefix as Buffer).copy(this.#message);
    this.#used = prefixBytes;
  }

  #wait(data: Buffer): void {
    if (this.#unread === undefined) this.#call.record?.waitBegins();
    this.#unread ??= [];
    // A copy: the piece is part of a larger buffer, which would be kept.
    this.#unread.push(Buffer.from(data));
    this.#call.stream.pause();
  }

  #goOn(): void {
    const unread = this.#unread ?? [];
    this.#unread = undefined;
    this.#call.record?.waitEnds();
    this.expectMore();
    this.#allocate();
    if (this.#call.isReadPending) this.#call.stream.resume();
    // They are counted once more when they come again.
    for (const { length } of unread) this.#totalBytes -= length;
    for (const data of unread) this.#call.handleDataFrame(data);
  }

  #fill(data: Buffer, at: number): number {
    const message = this.#message as Buffer;
    const used = data.copy(message, this.#used, at, at + message.length - this.#used);
    this.#used += used;
    this.#admission?.received(this.#used);
    return used;
  }

  #completeMessage(): Buffer | undefined {
    const message = this.#message as Buffer;
    if (this.#used < message.length) return undefined;
    const admission = this.#admission;
    this.#message = undefined;
    this.#admission = undefined;
    this.#prefixUsed = 0;
    if (admission !== undefined) this.#handOver(message, admission);
    if (message[0] === 1) this.#call.decompressMessage = this.#decompress;
    return message;
  }

  #handOver(message: Buffer, admission: Admission): void {
    admission.received(Number.POSITIVE_INFINITY);
    this.#admissions ??= new Map();
    for (const [other, { isReleased }] of this.#admissions) {
      if (isReleased) this.#admissions.delete(other);
    }
    this.#admissions.set(message, admission);
    if (message[0] === 0) makeHoldable(message, admission);
  }

  /** grpc-js unpacks into pieces that it copies together; this, into what the gate let in. */
  readonly #decompress = async (message: Buffer, encoding: string): Promise<Buffer> => {
    const content = message.subarray(prefixBytes);
    if (message[0] === 0) return content;
    const bytes = await inflate(content, encoding, this.#inflatedBytesMax(content.length));
    const admission = this.#admissions?.get(message);
    admission?.shrink(bytes.length);
    if (admission !== undefined) makeHoldable(bytes, admission);
    return bytes;
  };
}
