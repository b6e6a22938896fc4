import { type ClientError, type Metadata, Status } from 'nice-grpc';

import { BadRequest, ErrorInfo, RetryInfo } from 'nice-grpc-error-details';
// The package decodes it in a middleware only, which would cost each call that succeeds.
import { Status as RichStatus } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';

/**
 * The name of a gRPC status, such as `NOT_FOUND`; or `REFUSED`: the call went through, and its answer
 * says why the file was not kept.
 */
export type TallyErrorCode = Exclude<keyof typeof Status, 'OK'> | 'REFUSED';

/** A field of a request that is at fault. */
export interface FieldViolation {
  /** The field as the proto has it, such as `operations[3].key`. */
  readonly field: string;
  /** What is wrong with it, as a sentence. */
  readonly description: string;
}

/** What a TallyError is made of. */
export interface TallyErrorFacts {
  readonly code: TallyErrorCode;
  readonly sentence: string;
  readonly method: string;
  readonly attempts?: number;
  readonly reason?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly fieldViolations?: readonly FieldViolation[] | undefined;
  readonly retryDelayMs?: number | undefined;
  readonly cause?: unknown;
}

/** Thrown when a call fails, or when no server answers: the only error of calls, but for a signal's reason. */
export class TallyError extends Error {
  override readonly name = 'TallyError';
  /** What kind of failure it is. */
  readonly code: TallyErrorCode;
  /** What the server says is wrong, for people. */
  readonly sentence: string;
  /** The call, such as `/tally.v1.TableService/Upload`. */
  readonly method: string;
  /** How often the call was tried. */
  readonly attempts: number;
  /** Which failure it is, for programs: UPPER_SNAKE_CASE, the same for ever; absent if the server did not say. */
  readonly reason: string | undefined;
  /** What the sentence says in passing, for programs. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields of the request that are at fault. */
  readonly fieldViolations: readonly FieldViolation[];
  /** When the server asks to try again, in milliseconds after the failure. */
  readonly retryDelayMs: number | undefined;

  /** Made by the SDK. */
  constructor(facts: TallyErrorFacts) {
    const { code, sentence, attempts = 1 } = facts;
    const tried = attempts > 1 ? `; tried ${attempts} times` : '';
    super(`${code}: ${sentence}${tried}`, { cause: facts.cause });
    this.code = code;
    this.sentence = sentence;
    this.method = facts.method;
    this.attempts = attempts;
    this.reason = facts.reason;
    this.metadata = facts.metadata ?? {};
    this.fieldViolations = facts.fieldViolations ?? [];
    this.retryDelayMs = facts.retryDelayMs;
  }
}

/** Turns a call's failure, and the details that came with it in the trailer, into a TallyError. */
export function tallyError(error: ClientError, trailer: Metadata, attempts: number): TallyError {
  const { code, details: sentence, path: method } = error;
  return new TallyError({
    code: Status[code] as TallyErrorCode,
    sentence,
    method,
    attempts,
    cause: error,
    ...detailsIn(trailer),
  });
}

/** Google's rich error details, which are in the trailer beside the status. */
function detailsIn(trailer: Metadata): Partial<TallyErrorFacts> {
  const bytes = trailer.get('grpc-status-details-bin');
  if (!(bytes instanceof Uint8Array)) return {};
  const { details } = RichStatus.decode(bytes);
  const detail = <T>(type: { $type: string; decode(bytes: Uint8Array): T }): T | undefined => {
    const found = details.find(({ typeUrl }) => typeUrl.endsWith(`/${type.$type}`));
    return found && type.decode(found.value);
  };
  const info = detail(ErrorInfo);
  const delay = detail(RetryInfo)?.retryDelay;
  return {
    reason: info?.reason,
    metadata: info?.metadata,
    fieldViolations: detail(BadRequest)?.fieldViolations.map(({ field, description }) => ({
      field,
      description,
    })),
    retryDelayMs: delay && delay.seconds * 1000 + delay.nanos / 1e6,
  };
}
