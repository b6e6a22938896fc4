import { setTimeout as delay } from 'node:timers/promises';
import { ClientError, type CallOptions as GrpcCallOptions, Metadata, Status } from 'nice-grpc';
import type { DeadlineOptions } from 'nice-grpc-client-middleware-deadline';
import { tallyError } from './tally-error.js';

/** How a call is made, and repeated. */
export interface Repetition {
  /** How often it is tried at most. */
  readonly attempts: number;
  /** How long each attempt may take; undefined: as long as it takes. */
  readonly deadlineMs?: number | undefined;
  /** Of a call that changes something: by it the server knows that it is the same call again. */
  readonly idempotencyKey?: string | undefined;
  /** Ends the call, and the pause before the next attempt. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Tries again only when the server has asked for that, so has done nothing; not when a connection
   * was lost, after which nobody knows.
   */
  readonly onlyIfAsked?: boolean;
}

/** What one attempt hands to the generated client. */
export type AttemptOptions = GrpcCallOptions & DeadlineOptions;

/** The pause before the second attempt is half of it at least; each one after it is twice as long. */
const firstPauseMs = 100;
const pauseMsMax = 5_000;
/** The longest pause that a server may ask for; it is asked again earlier otherwise. */
const pushbackMsMax = 30_000;

/**
 * Makes a call, and makes it again while it does not get through or the server asks for that.
 *
 * A call that changes something must have an idempotency key, a single attempt, or `onlyIfAsked`.
 * Throws TallyError, or the signal's reason.
 */
export async function repeatedCall<T>(
  repetition: Repetition,
  call: (options: AttemptOptions) => Promise<T>,
): Promise<T> {
  for (let number = 1; ; number++) {
    const attempt = attemptOf(repetition);
    try {
      return await call(attempt.options);
    } catch (error) {
      await attempt.pauseAfter(error, number);
    }
  }
}

/** Does the same for a call that streams its answer: it is made again as long as nothing has come of it. */
export async function* repeatedStream<T>(
  repetition: Repetition,
  call: (options: AttemptOptions) => AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  for (let number = 1; ; number++) {
    const attempt = attemptOf(repetition);
    let hasCome = false;
    try {
      for await (const message of call(attempt.options)) {
        hasCome = true;
        yield message;
      }
      return;
    } catch (error) {
      await attempt.pauseAfter(error, hasCome ? repetition.attempts : number, number);
    }
  }
}

/** One attempt: its options, and what follows when it has failed. */
function attemptOf(repetition: Repetition) {
  const { attempts, deadlineMs, idempotencyKey, signal, onlyIfAsked } = repetition;
  signal?.throwIfAborted();
  let trailer = Metadata();
  const options: AttemptOptions = {
    ...(deadlineMs !== undefined && { deadline: deadlineMs }),
    ...(idempotencyKey !== undefined && {
      metadata: Metadata({ 'tally-idempotency-key': idempotencyKey }),
    }),
    ...(signal !== undefined && { signal }),
    onTrailer(received) {
      trailer = received;
    },
  };
  /** Waits for the time of the next attempt, or throws if there is to be none. */
  async function pauseAfter(error: unknown, number: number, made = number): Promise<void> {
    signal?.throwIfAborted();
    if (!(error instanceof ClientError)) throw error;
    const failure = tallyError(error, trailer, made);
    const asked = trailer.get('grpc-retry-pushback-ms') ?? failure.retryDelayMs?.toFixed(0);
    const pauseMs = pauseBeforeNext(number, error.code, asked);
    if (pauseMs === undefined || number >= attempts) throw failure;
    if (onlyIfAsked && asked === undefined) throw failure;
    await delay(pauseMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
  return { options, pauseAfter };
}

/**
 * The pause after an attempt that failed, in milliseconds; undefined if another one is of no use.
 *
 * What a server is short of will be there in a moment only if it says so, by `pushback` (gRPC's
 * proposal A6) or RetryInfo: a message that is too large, or a full disk, stays. A server that ends
 * cancels calls; one that this client has cancelled does not come here.
 */
export function pauseBeforeNext(
  attempt: number,
  code: Status,
  pushback: string | undefined,
): number | undefined {
  const isLost = code === Status.UNAVAILABLE || code === Status.CANCELLED;
  if (pushback === undefined) return isLost ? backoffMs(attempt) : undefined;
  if (!isLost && code !== Status.RESOURCE_EXHAUSTED) return undefined;
  // A negative number asks not to come again.
  return /^[0-9]+$/.test(pushback) ? Math.min(Number(pushback), pushbackMsMax) : undefined;
}

/** Between half of the pause and the whole, at random: many clients must not come back at once. */
function backoffMs(attempt: number): number {
  const pauseMs = Math.min(firstPauseMs * 2 ** (attempt - 1), pauseMsMax);
  return pauseMs * (0.5 + Math.random() / 2);
}
