import { Status } from 'nice-grpc';
import { failure } from './rich-errors.js';
import type { ShortCall } from './short-calls.js';

/** The metadata in which a client names a call, so that it may repeat it. */
const keyName = 'tally-idempotency-key';

/** The field of a message that says the same. */
const fieldName = 'idempotency_key';

/** More than any UUID or hash in hexadecimal has; up to a million keys are kept. */
const keyCharactersMax = 128;

/** The idempotency key in a call's metadata; undefined if there is none. Throws INVALID_ARGUMENT. */
export function idempotencyKeyOf({ metadata }: ShortCall): string | undefined {
  const key = metadata.get(keyName)?.toString();
  if (key !== undefined) checkIdempotencyKey(key);
  return key;
}

/**
 * The idempotency key of a call whose message may say it, and whose metadata may have said it
 * too. Throws INVALID_ARGUMENT.
 */
export function idempotencyKeyIn(
  field: string | undefined,
  ofMetadata: string | undefined,
): string | undefined {
  if (field === undefined) return ofMetadata;
  checkIdempotencyKey(field, fieldName);
  if (ofMetadata === undefined || ofMetadata === field) return field;
  throw failure(
    Status.INVALID_ARGUMENT,
    `the idempotency key is ${JSON.stringify(ofMetadata)} in the metadata and ` +
      `${JSON.stringify(field)} in the message: give it once`,
    { reason: 'IDEMPOTENCY_KEYS_DIFFER', field: fieldName },
  );
}

/** Throws INVALID_ARGUMENT if a client may not name a call so, in a field or in the metadata. */
function checkIdempotencyKey(key: string, field?: string): void {
  const isPrintable = /^[!-~]*$/.test(key);
  if (isPrintable && key.length >= 1 && key.length <= keyCharactersMax) return;
  const fault = isPrintable ? `has ${key.length} characters` : 'holds a character of another kind';
  throw failure(
    Status.INVALID_ARGUMENT,
    // Spaces at the ends of metadata are lost on the way, so there are none anywhere.
    `the idempotency key ${fault}: 1 to ${keyCharactersMax} printable ASCII characters without ` +
      'spaces are allowed',
    { reason: 'IDEMPOTENCY_KEY_INVALID', ...(field === undefined ? {} : { field }) },
  );
}

/** Tells the client that the answer is the one to an earlier call, which had all the effect. */
export function markReplay({ trailer }: ShortCall): void {
  trailer.set('tally-idempotent-replay', 'true');
}
