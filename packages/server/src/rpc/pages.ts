import { createHash } from 'node:crypto';
import { badRequest } from './rich-errors.js';

/** A list that is given in pages. */
export interface PagedList {
  /** What list it is, and of what: a token of another one is refused. */
  readonly query: readonly string[];
  readonly sizeMax: number;
  readonly sizeDefault: number;
}

/** A page of a list, as a request asks for it. */
export interface PageRequest {
  /** 0: as large as pages are by default. */
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

/** Where a page begins: behind an element of the list; undefined: at its start. */
export interface PageStart {
  readonly size: number;
  readonly after: string | undefined;
}

/** Reads which page a request asks for. Throws INVALID_ARGUMENT. */
export function pageStart(list: PagedList, { pageSize, pageToken }: PageRequest): PageStart {
  const { sizeMax, sizeDefault } = list;
  if (pageSize < 0 || pageSize > sizeMax) {
    throw badRequest(
      'page_size',
      `the page size is ${pageSize}: 1 to ${sizeMax} are allowed, and 0 for ${sizeDefault}`,
      'PAGE_SIZE_INVALID',
      { page_size_max: String(sizeMax) },
    );
  }
  const size = pageSize === 0 ? sizeDefault : pageSize;
  return { size, after: pageToken === '' ? undefined : elementOf(list, pageToken) };
}

/** The token of the page that begins behind an element. */
export function pageToken({ query }: PagedList, after: string): string {
  return Buffer.concat([digestOf(query, after), Buffer.from(after)]).toString('base64url');
}

function elementOf(list: PagedList, token: string): string {
  const after = Buffer.from(token, 'base64url').subarray(digestBytes).toString('utf8');
  if (pageToken(list, after) === token) return after;
  throw badRequest(
    'page_token',
    'the page token is not that of a page of the same list: give the next_page_token of the page ' +
      'before, or none for the first page',
    'PAGE_TOKEN_INVALID',
  );
}

/** Tells any two elements of lists apart. */
const digestBytes = 12;

function digestOf(query: readonly string[], after: string): Buffer {
  const text = JSON.stringify([...query, after]);
  return createHash('sha256').update(text).digest().subarray(0, digestBytes);
}
