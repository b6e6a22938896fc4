import { ServerError, Status } from 'nice-grpc';

export interface Reason {
  readonly reason: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly field?: string;
}

export function failure(code: Status, sentence: string, _reason: Reason): ServerError {
  return new ServerError(code, sentence);
}

export function badRequest(_field: string, sentence: string, _reason: string): ServerError {
  return new ServerError(Status.INVALID_ARGUMENT, sentence);
}
