import { Status } from 'nice-grpc';
import { badRequest, failure } from '../rpc/rich-errors.js';
import type { Operation, Refused } from './operations.js';
import type { Change } from './store.js';

/** Throws INVALID_ARGUMENT for a key that no number may have; `where` begins the sentence. */
export function checkKey(key: string, keyBytesMax: number, field = 'key', where = ''): void {
  const bytes = Buffer.byteLength(key);
  if (bytes >= 1 && bytes <= keyBytesMax) return;
  // An empty key is what a client with other field numbers sends: it must not read a silent 0.
  const fault = bytes === 0 ? 'is empty' : `has ${bytes} bytes`;
  throw badRequest(
    field,
    `${where}the key ${fault}: 1 to ${keyBytesMax} bytes of UTF-8 are allowed`,
    bytes === 0 ? 'KEY_EMPTY' : 'KEY_TOO_LONG',
    { key_bytes_max: String(keyBytesMax) },
  );
}

/** NOT_FOUND for a key that no number has. */
export const noSuchNumber = (key: string, where = '', metadata = {}) =>
  failure(Status.NOT_FOUND, `${where}${noSuchNumberSentence(key)}`, {
    reason: 'NUMBER_NOT_FOUND',
    metadata,
  });

export const noSuchNumberSentence = (key: string) =>
  `no number is called ${quoted(key)}: set it first`;

/** The error for a change that was refused; that of a batch says which operation it is. */
export function refusalError(
  { refusal, index }: Refused,
  { call, operations }: Change,
  keysMax: number,
  sameCall = 'request',
): Error {
  const operation = operations[index] as Operation;
  const where = call === 'batch' ? `operation ${index}: ` : '';
  const metadata: Record<string, string> = call === 'batch' ? { operation: String(index) } : {};
  const attempt = `${where}${attemptOf(operation)}`;
  const nothing = 'nothing was changed';
  switch (refusal) {
    case 'no such number':
      return noSuchNumber(operation.key, where, metadata);
    case 'total past int64':
      return failure(
        Status.OUT_OF_RANGE,
        `${attempt} would take the total past int64; ${nothing}`,
        { reason: 'TOTAL_PAST_INT64', metadata },
      );
    case 'number past int64':
      return failure(
        Status.OUT_OF_RANGE,
        `${attempt} would take the number past int64; ${nothing}`,
        { reason: 'NUMBER_PAST_INT64', metadata },
      );
    case 'too many numbers':
      return failure(
        Status.RESOURCE_EXHAUSTED,
        `${attempt} would make one number more than the ${keysMax} that are allowed (--keys-max of ` +
          `the server); those that exist can be set; ${nothing}`,
        { reason: 'TOO_MANY_NUMBERS', metadata: { ...metadata, keys_max: String(keysMax) } },
      );
    case 'key of another request':
      return badRequest(
        'idempotency_key',
        `${call === 'batch' ? 'the batch' : attempt} has the idempotency key of another ` +
          `${sameCall}: each needs a key of its own; ${nothing}`,
        'IDEMPOTENCY_KEY_OF_ANOTHER_REQUEST',
      );
  }
}

function attemptOf(operation: Operation): string {
  const key = quoted(operation.key);
  switch (operation.kind) {
    case 'set':
      return `setting ${key} to ${operation.value}`;
    case 'add':
      return `adding ${operation.value} to ${key}`;
    case 'delete':
      return `removing ${key}`;
    case 'get':
      return `reading ${key}`;
  }
}

/** A key as it is shown in messages: quoted, and cut when it is long. */
export function quoted(key: string): string {
  return JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key);
}
