import { MessageChannel } from 'node:worker_threads';
import type { Admission } from './admission-gate.js';

/** By the memory that messages are in: fields of bytes are parts of it, not copies. */
const admissions = new WeakMap<ArrayBufferLike, Admission>();

/** Lets a handler hold a message that was let in by a gate and has memory of its own. */
export function makeHoldable({ buffer }: Uint8Array, admission: Admission): void {
  admissions.set(buffer, admission);
}

/**
 * Holds the message that the bytes are part of, also past the end of its call; returns how to let
 * go of it, once.
 *
 * Without it the gate takes a message for gone when its call has ended. To let go frees the memory
 * of a message that came through a gate: its bytes are none any more.
 */
export function holdMessage({ buffer }: Uint8Array): () => void {
  const admission = admissions.get(buffer);
  if (admission === undefined) return () => {};
  admission.isHeld = true;
  return () => {
    if (admission.isReleased) return;
    freeMemory(buffer as ArrayBuffer);
    admission.release();
  };
}

const { port1: closedPort } = new MessageChannel();
closedPort.close();

/**
 * Frees the memory at once: the collector, which knows of no limit but its own, may take seconds.
 *
 * A transfer takes it from this thread, and a closed port drops it.
 */
export function freeMemory(buffer: ArrayBuffer): void {
  closedPort.postMessage(undefined, [buffer]);
}
