import { createHash } from 'node:crypto';
import { badRequest } from './rich-errors.js';

/** A page of a list, as a request asks for it. */
export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** A list that is given in pages. */
export interface PagedList {
  /** What list it is, and of what: a token of another one is refused. */
  readonly query: readonly string[];
  readonly sizeMax: number;
  readonly sizeDefault: number;
}

/** Where a page begins: behind this element of the list; undefined: at its start. */
export interface PageStart {
  readonly size: number;
  readonly after: string | undefined;
}

/** Reads what page a request asks for. Throws INVALID_ARGUMENT. */
export function pageStart(list: PagedList, { pageSize, pageToken }: PageRequest): PageStart {
  if (pageSize < 0 || pageSize > list.sizeMax) {
    throw badRequest(
      'page_size',
      `the page size is ${pageSize}: 1 to ${list.sizeMax} is allowed, or 0 for ${list.sizeDefault}`,
      'PAGE_SIZE_INVALID',
    );
  }
  const size = pageSize === 0 ? list.sizeDefault : pageSize;
  return { size, after: pageToken === '' ? undefined : elementOf(list, pageToken) };
}

/** The token of the page that begins behind an element. */
export function pageToken({ query }: PagedList, after: string): string {
  return `${digestOf(query)}${Buffer.from(after).toString('base64url')}`;
}

function elementOf({ query }: PagedList, token: string): string {
  const after = Buffer.from(token.slice(digestChars), 'base64url').toString();
  if (pageToken({ query, sizeMax: 0, sizeDefault: 0 }, after) === token) return after;
  throw badRequest(
    'page_token',
    'the page token is not one of this query: give the next_page_token of its last page, or none ' +
      'for the first page',
    'PAGE_TOKEN_INVALID',
  );
}

const digestChars = 11;

const digestOf = (query: readonly string[]) =>
  createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, digestChars);
