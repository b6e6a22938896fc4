import { setTimeout as delay } from 'node:timers/promises';
import { type CallOptions, ClientError, Metadata, Status } from 'nice-grpc';
import type { DeadlineOptions } from 'nice-grpc-client-middleware-deadline';

/** How a call is repeated. */
export interface Repetition {
  /** How often it is tried at most. */
  readonly attempts: number;
  /** How long each attempt may take; undefined: as long as it takes. */
  readonly deadlineMs?: number | undefined;
  /** Of a call that changes something: by it the server knows that it is the same call again. */
  readonly idempotencyKey?: string;
}

/** The pause before the second attempt is half of it at least; each one after it is twice as long. */
const firstPauseMs = 100;
const pauseMsMax = 5_000;
/** The longest pause that a server may ask for; it is asked again earlier otherwise. */
const pushbackMsMax = 30_000;

/**
 * Makes a call, and makes it again while it does not get through or the server asks for that.
 *
 * A call that changes something must have an idempotency key, or a single attempt. Throws what the
 * last attempt has thrown; its details say how many there were.
 */
export async function repeatedCall<T>(
  { attempts, deadlineMs, idempotencyKey }: Repetition,
  call: (options: CallOptions & DeadlineOptions) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    let trailer = Metadata();
    try {
      return await call({
        ...(deadlineMs !== undefined && { deadline: deadlineMs }),
        ...(idempotencyKey !== undefined && {
          metadata: Metadata({ 'tally-idempotency-key': idempotencyKey }),
        }),
        onTrailer(received) {
          trailer = received;
        },
      });
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      const pauseMs = pauseBeforeNext(attempt, error.code, trailer.get('grpc-retry-pushback-ms'));
      if (pauseMs === undefined || attempt >= attempts) throw withAttempts(error, attempt);
      await delay(pauseMs);
    }
  }
}

/**
 * The pause after an attempt that failed, in milliseconds; undefined if another one is of no use.
 *
 * What a server is short of will be there in a moment only if it says so, by `pushback` (gRPC's
 * proposal A6): a message that is too large, or a full disk, stays. A server that ends cancels
 * calls; one that this client has cancelled does not come here.
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

function withAttempts(error: ClientError, attempts: number): ClientError {
  if (attempts === 1) return error;
  const { path, code, details } = error;
  const counted = new ClientError(path, code, `${details}; tried ${attempts} times`);
  counted.cause = error;
  return counted;
}
