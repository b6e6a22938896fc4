import { createHash } from 'node:crypto';

/** Tells any two pairs of a prefix and a key apart. */
const digestBytes = 12;

/** What stands for the place after `key` in the list of the numbers whose keys begin with `prefix`. */
export function pageToken(prefix: string, key: string): string {
  return Buffer.concat([digestOf(prefix, key), Buffer.from(key)]).toString('base64url');
}

/** The key that a token of the same prefix stands for; undefined if it is none. */
export function keyOfPageToken(prefix: string, token: string): string | undefined {
  const key = Buffer.from(token, 'base64url').subarray(digestBytes).toString('utf8');
  // Whoever makes a token of their own gets no numbers with it that its prefix has not.
  return key.startsWith(prefix) && pageToken(prefix, key) === token ? key : undefined;
}

function digestOf(prefix: string, key: string): Buffer {
  const length = `${Buffer.byteLength(prefix)} `;
  return createHash('sha256')
    .update(`page of numbers\n${length}${prefix}${key}`)
    .digest()
    .subarray(0, digestBytes);
}
