import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Scope, scopes } from './scopes.js';

/** A token that is let in, as its line in the file says it. */
export interface Token {
  /** Who has it, for people. */
  readonly name: string;
  /** SHA-256 of the token. */
  readonly digest: Buffer;
  readonly scopes: ReadonlySet<Scope>;
  /** Milliseconds since 1970; undefined: it does not expire. */
  readonly expiresAtMs: number | undefined;
}

/** A token file says something that is not understood; the message is a sentence with the line. */
export class TokenFileError extends Error {}

/** Each call is compared with all of them. */
const tokensMax = 1000;

/** A token begins so, that programs which look for secrets in the wrong places know it. */
const prefix = 'tally_';
/** More than anybody can guess, so that a plain hash of it tells nobody anything. */
const randomBytesOfToken = 32;

/** None is a token, for names are shown. */
export const namePattern = new RegExp(`^(?!${prefix})[A-Za-z0-9._@-]{1,64}$`);

/** How a token file begins that is made. */
export const tokenFileHead =
  '# Tokens of Tally, one a line: name, hash, scopes, and when it expires or never.\n' +
  '# To take one back, remove its line: the server reads this file again when it changes.\n';

const digestOf = (token: string) => createHash('sha256').update(token).digest();

/** Makes a token, which nothing keeps but who gets it, and the line of the file that lets it in. */
export function createToken(
  name: string,
  tokenScopes: readonly Scope[],
  expires: Date | undefined,
): { readonly token: string; readonly line: string } {
  const token = `${prefix}${randomBytes(randomBytesOfToken).toString('base64url')}`;
  const hash = `sha256:${digestOf(token).toString('hex')}`;
  const line = `${name} ${hash} ${tokenScopes.join(',')} ${expires?.toISOString() ?? 'never'}`;
  return { token, line };
}

/** Reads a token file. Throws TokenFileError. */
export function parseTokenFile(file: string, text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    tokens.push(parseLine(line.trim(), `${file}, line ${index + 1}`));
  }
  if (tokens.length > tokensMax) {
    throw new TokenFileError(
      `${file} has ${tokens.length} tokens: at most ${tokensMax} are allowed.`,
    );
  }
  return tokens;
}

function parseLine(line: string, where: string): Token {
  // What is wrong is not repeated: someone may have put the token itself there.
  const fault = (what: string) => new TokenFileError(`${where}: ${what}.`);
  const [name = '', hash = '', scopeList = '', expires = '', ...others] = line.split(/\s+/);
  if (expires === '' || others.length > 0) {
    throw fault('a line is a name, sha256:<hash>, scopes with commas between, and a time or never');
  }
  if (!namePattern.test(name)) {
    throw fault(`a name is 1 to 64 letters, digits and . _ @ -, and does not begin with ${prefix}`);
  }
  const hex = /^sha256:([0-9a-f]{64})$/i.exec(hash)?.[1];
  if (hex === undefined) {
    throw fault('after the name comes sha256: and 64 hexadecimal digits, the hash of the token');
  }
  const named = scopeList.split(',');
  const known = scopes.filter((scope) => named.includes(scope));
  if (known.length !== named.length) {
    throw fault(`a scope is not known: ${scopes.join(', ')} are allowed, with commas between`);
  }
  const expiresAtMs = expires === 'never' ? undefined : timeOf(expires);
  if (Number.isNaN(expiresAtMs)) {
    throw fault('the time is not one: it is written as 2027-01-31T00:00:00Z, or never');
  }
  return { name, digest: Buffer.from(hex, 'hex'), scopes: new Set(known), expiresAtMs };
}

/** Milliseconds since 1970; NaN if it is no time of ISO 8601 with a zone. */
function timeOf(text: string): number {
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  return isTime ? Date.parse(text) : Number.NaN;
}

/** The token of the list that was presented; undefined if there is none. Compares with each, in constant time. */
export function findToken(tokens: readonly Token[], presented: string): Token | undefined {
  const digest = digestOf(presented);
  let found: Token | undefined;
  for (const token of tokens) if (timingSafeEqual(token.digest, digest)) found = token;
  return found;
}
