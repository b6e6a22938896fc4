import {
  type CallOptions,
  type ClientMiddleware,
  type ClientMiddlewareCall,
  Metadata,
} from 'nice-grpc';

/** A token, or a function that gives the one of now: it is asked before each try of a call. */
export type TokenSource = string | (() => string | Promise<string>);

/** Sends the token with each call. */
export function tokenMiddleware(token: TokenSource): ClientMiddleware {
  return async function* withToken<Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    options: CallOptions,
  ) {
    const now = typeof token === 'string' ? token : await token();
    const metadata = Metadata(options.metadata).set('authorization', `Bearer ${now}`);
    return yield* call.next(call.request, { ...options, metadata });
  };
}

/** Throws a TypeError if a token would be sent to another machine for everybody on the way to read. */
export function refuseOpenToken(address: string, isEncrypted: boolean): void {
  const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]):\d+$/i.test(address);
  if (isEncrypted || isLocal) return;
  throw new TypeError(
    `A token is not sent unencrypted to another machine (${address}): connect with TLS.`,
  );
}
