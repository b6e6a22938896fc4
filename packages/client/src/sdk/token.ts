import {
  type CallOptions,
  type ClientMiddleware,
  type ClientMiddlewareCall,
  Metadata,
} from 'nice-grpc';

/** A token, or a function that gives the one of now: it is asked before each try of a call. */
export type TokenSource = string | (() => string | Promise<string>);

/** Sends the token with each call. Throws a TypeError if it is none. */
export function tokenMiddleware(token: TokenSource): ClientMiddleware {
  const always = typeof token === 'string' ? checked(token) : undefined;
  return async function* withToken<Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    options: CallOptions,
  ) {
    const now = typeof token === 'string' ? always : checked(await token());
    const metadata = Metadata(options.metadata).set('authorization', `Bearer ${now}`);
    return yield* call.next(call.request, { ...options, metadata });
  };
}

/** A token as it is sent: a file of one ends with a newline. What is none is not repeated in the error. */
function checked(token: string): string {
  const trimmed = token.trim();
  if (isToken(trimmed)) return trimmed;
  throw new TypeError('A token is of printable ASCII characters without spaces: this is none.');
}

/** Whether a text can be sent as a token. */
export const isToken = (text: string) => /^[!-~]+$/.test(text);

/** Throws a TypeError if a token would be sent to another machine for everybody on the way to read. */
export function refuseOpenToken(address: string, isEncrypted: boolean): void {
  const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]):\d+$/i.test(address);
  if (isEncrypted || isLocal) return;
  throw new TypeError(
    `A token is not sent unencrypted to another machine (${address}): connect with TLS.`,
  );
}
