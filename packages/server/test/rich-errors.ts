import { type CallOptions, type ClientError, type Metadata, Status } from 'nice-grpc';
import { BadRequest, ErrorInfo, RetryInfo } from 'nice-grpc-error-details';
import { Status as RichStatus } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';

/** What a call that failed has told, for people and for programs. */
export interface Failure {
  readonly code: string;
  readonly sentence: string;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields that are at fault. */
  readonly fields: readonly string[];
  readonly retryMs: number | undefined;
}

/** The failure of a call, with the details that its trailer has. */
export async function failureOf(
  call: (options: CallOptions) => Promise<unknown>,
  options: CallOptions = {},
): Promise<Failure> {
  let trailer: Metadata | undefined;
  const onTrailer = (received: Metadata) => {
    trailer = received;
    options.onTrailer?.(received);
  };
  const error = await call({ ...options, onTrailer }).then(
    () => Promise.reject(new Error('the call did not fail')),
    (failed: ClientError) => failed,
  );
  return { code: Status[error.code] ?? '', sentence: error.details, ...detailsIn(trailer, error) };
}

function detailsIn(trailer: Metadata | undefined, { code, details: sentence }: ClientError) {
  const bytes = trailer?.get('grpc-status-details-bin');
  if (bytes === undefined) throw new Error(`no details: ${sentence}`);
  const status = RichStatus.decode(bytes as Uint8Array);
  if (status.code !== code || status.message !== sentence) {
    throw new Error(`the details are of another error: ${status.code} ${status.message}`);
  }
  const detail = <T>(type: { $type: string; decode(bytes: Uint8Array): T }): T | undefined => {
    const url = `type.googleapis.com/${type.$type}`;
    const found = status.details.find(({ typeUrl }) => typeUrl === url);
    return found && type.decode(found.value);
  };
  const info = detail(ErrorInfo);
  if (info?.domain !== 'tally') throw new Error(`no ErrorInfo of Tally's: ${sentence}`);
  const violations = detail(BadRequest)?.fieldViolations ?? [];
  const delay = detail(RetryInfo)?.retryDelay;
  return {
    reason: info.reason,
    metadata: info.metadata,
    fields: violations.map(({ field, description }) => {
      if (description !== sentence) throw new Error(`${field} is described as: ${description}`);
      return field;
    }),
    retryMs: delay && delay.seconds * 1000 + delay.nanos / 1e6,
  };
}

/** The reason of the ErrorInfo among an error's details; undefined if it has none. */
export function reasonOf(statusDetails: Uint8Array): string | undefined {
  const url = `type.googleapis.com/${ErrorInfo.$type}`;
  const found = RichStatus.decode(statusDetails).details.find(({ typeUrl }) => typeUrl === url);
  return found && ErrorInfo.decode(found.value).reason;
}
