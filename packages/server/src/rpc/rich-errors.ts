import { Metadata, type StatusObject } from '@grpc/grpc-js';
import type { Status as Code } from 'nice-grpc';
import { Status } from 'nice-grpc';
import { Any, BadRequest, ErrorInfo, RetryInfo, RichServerError } from 'nice-grpc-error-details';
// The package encodes it in a middleware only, which short methods and interceptors do not have.
import { Status as RichStatus } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';

/** What a program needs to know of an error, beside the sentence for people. */
export interface Reason {
  /** UPPER_SNAKE_CASE, and the same for ever: programs compare it. */
  readonly reason: string;
  /** What the sentence says in passing, for programs. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The field of the request that is at fault, as `operations[3].key`. */
  readonly field?: string;
  /** When the call may be tried again, in milliseconds from now. */
  readonly retryMs?: number;
}

const domain = 'tally';

/** The metadata of gRPC's richer error model, which grpc libraries of all languages know. */
export const detailsName = 'grpc-status-details-bin';

/** An error with a sentence, and with google.rpc.ErrorInfo and what else there is to say. */
export function failure(code: Code, sentence: string, reason: Reason): RichServerError {
  return new RichServerError(code, sentence, packed(sentence, reason));
}

/** INVALID_ARGUMENT for a field of the request. */
export function badRequest(
  field: string,
  sentence: string,
  reason: string,
  metadata: Readonly<Record<string, string>> = {},
): RichServerError {
  return failure(Status.INVALID_ARGUMENT, sentence, { reason, field, metadata });
}

function packed(sentence: string, { reason, metadata = {}, field, retryMs }: Reason): Any[] {
  const info = ErrorInfo.encode(ErrorInfo.fromPartial({ reason, domain, metadata }));
  const details = [any(ErrorInfo.$type, info.finish())];
  if (field !== undefined) {
    const fieldViolations = [{ field, description: sentence, reason }];
    const fault = BadRequest.encode(BadRequest.fromPartial({ fieldViolations }));
    details.push(any(BadRequest.$type, fault.finish()));
  }
  if (retryMs !== undefined) {
    const seconds = Math.floor(retryMs / 1000);
    const retryDelay = { seconds, nanos: (retryMs % 1000) * 1_000_000 };
    const retry = RetryInfo.encode(RetryInfo.fromPartial({ retryDelay }));
    details.push(any(RetryInfo.$type, retry.finish()));
  }
  return details;
}

const any = (type: string, value: Uint8Array) =>
  Any.fromPartial({ typeUrl: `type.googleapis.com/${type}`, value });

/** The value of `grpc-status-details-bin` for an error; undefined if it has no details. */
export function detailsOf(error: unknown): Buffer | undefined {
  if (!(error instanceof RichServerError)) return undefined;
  const { code, details: message } = error;
  const details = error.extra.filter((detail) => detail.$type === Any.$type);
  return Buffer.from(
    RichStatus.encode(RichStatus.fromPartial({ code, message, details })).finish(),
  );
}

/** The status of a call that is answered on grpc-js's call itself. */
export function statusObject(error: RichServerError): StatusObject {
  const metadata = new Metadata();
  const details = detailsOf(error);
  if (details !== undefined) metadata.set(detailsName, details);
  return { code: error.code as number, details: error.details, metadata };
}
