import { randomUUID } from 'node:crypto';
import type { Repetition } from './repeated-call.js';

/** What can be said of each call. */
export interface CallOptions {
  /** Ends the call; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** How long each attempt may take, in milliseconds; default: that of the connection. */
  readonly deadlineMs?: number | undefined;
  /** How often it is tried if it does not get through, 1 or more; default: that of the connection. */
  readonly attempts?: number | undefined;
}

/** What can be said of a call that changes something. */
export interface ChangeOptions extends CallOptions {
  /**
   * Makes it safe to repeat the call, also by another program: 1 to 128 printable ASCII characters
   * without spaces. Default: a new random one for each call, unless it has a single attempt.
   */
  readonly idempotencyKey?: string | undefined;
}

/** What calls of one connection do unless they are told otherwise. */
export interface CallDefaults {
  readonly deadlineMs: number;
  readonly attempts: number;
}

/** How a call that changes nothing is repeated. */
export function readRepetition(defaults: CallDefaults, options: CallOptions = {}): Repetition {
  const { attempts = defaults.attempts, deadlineMs = defaults.deadlineMs, signal } = options;
  return { attempts, deadlineMs, signal };
}

/** How a call that changes something, and takes an idempotency key, is repeated. */
export function changeRepetition(defaults: CallDefaults, options: ChangeOptions = {}): Repetition {
  const repetition = readRepetition(defaults, options);
  // The server records each key on disk: a call that is not repeated needs none.
  const made = repetition.attempts > 1 ? randomUUID() : undefined;
  return { ...repetition, idempotencyKey: options.idempotencyKey ?? made };
}

/** How a call that changes something, and takes no idempotency key, is repeated. */
export function unkeyedRepetition(defaults: CallDefaults, options?: CallOptions): Repetition {
  return { ...readRepetition(defaults, options), onlyIfAsked: true };
}
