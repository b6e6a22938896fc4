import type { CallOptions } from './call-options.js';

/** What can be said of a list that comes in pages. */
export interface ListOptions extends CallOptions {
  /** How many entries to ask the server for at once; default: what the server gives. */
  readonly pageSize?: number | undefined;
}

interface Page {
  readonly nextPageToken: string;
}

/** The entries of all pages; each page is asked for when its first entry is. */
export async function* entriesOf<P extends Page, Entry>(
  pageAfter: (pageToken: string) => Promise<P>,
  entries: (page: P) => readonly Entry[],
): AsyncGenerator<Entry, void, undefined> {
  let pageToken = '';
  do {
    const page = await pageAfter(pageToken);
    yield* entries(page);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}
