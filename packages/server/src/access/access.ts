import { timingSafeEqual } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { ServerInterceptor, StatusObject } from '@grpc/grpc-js';
import { Status } from 'nice-grpc';
import { logger } from '../logger.js';
import { internalsOf } from '../rpc/grpc-call.js';
import { refuseCall } from '../rpc/refuse-call.js';
import { failure, statusObject } from '../rpc/rich-errors.js';
import { StartError } from '../start-error.js';
import { type WatchedFiles, watchFiles } from '../watched-files.js';
import { needOf, type Scope } from './scopes.js';
import { findToken, parseTokenFile, type Token } from './token-file.js';

/** Who may call what. */
export interface Access {
  /** Refuses calls. */
  readonly interceptor: ServerInterceptor;
  /** Reads the tokens. Throws StartError. */
  open(): Promise<void>;
  close(): void;
}

/**
 * Lets calls in that bring a token of the file, as `authorization: Bearer <token>`; all without one.
 *
 * The file is read again when it changes; one that is not understood then is logged, and the tokens
 * from before stay.
 */
export function createAccess(tokenFile: string | undefined): Access {
  if (tokenFile === undefined) {
    return { interceptor: withoutToken, open: async () => {}, close() {} };
  }
  let tokens: readonly Token[] = [];
  let watched: WatchedFiles | undefined;
  const take = ([content]: readonly Buffer[]) => {
    tokens = parseTokenFile(tokenFile, content?.toString('utf8') ?? '');
    logger.info({ tokens: tokens.length }, 'tokens read');
  };
  const onFault = (error: unknown) =>
    logger.error(`The tokens from before stay, as they cannot be read: ${reasonOf(error)}`);
  return {
    interceptor: accessInterceptor(() => tokens),
    async open() {
      refuseTraces();
      try {
        watched = await watchFiles([tokenFile], take, onFault);
        await warnOfWriters(tokenFile);
      } catch (error) {
        throw new StartError(
          `Cannot read the tokens of --token-file: ${reasonOf(error)} ` +
            'Make one with `tally token create`.',
        );
      }
    },
    close: () => watched?.close(),
  };
}

/** Throws StartError if grpc-js would write the metadata of calls, and so tokens, to standard error. */
function refuseTraces(): void {
  const name = ['GRPC_TRACE', 'GRPC_NODE_TRACE'].find((variable) => process.env[variable]);
  if (name === undefined) return;
  throw new StartError(
    `${name} would have gRPC write the tokens of clients to standard error: unset it, or leave out ` +
      '--token-file.',
  );
}

async function warnOfWriters(tokenFile: string): Promise<void> {
  const { mode } = await stat(tokenFile);
  if ((mode & 0o022) === 0) return;
  logger.warn(
    `Other users of this machine may write to ${tokenFile}, and so let in whom they like: chmod go-w it.`,
  );
}

/** A client may send one to a server that asks for none: nobody is to see it. */
const withoutToken: ServerInterceptor = (_method, innerCall) => {
  const call = internalsOf(innerCall);
  call.metadata.remove('authorization');
  return call;
};

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** A token that was found, by what a connection has presented last. */
interface Found {
  readonly presented: Buffer;
  readonly tokens: readonly Token[];
  readonly token: Token;
}

/** A connection presents the same token with every call: one comparison spares the digest of it. */
const foundLast = new WeakMap<object, Found>();

function tokenOf(
  presented: string | Buffer | undefined,
  tokens: readonly Token[],
  connection: object | undefined,
): Token | 'none' | undefined {
  const bytes = Buffer.from(presented ?? '');
  const last = connection && foundLast.get(connection);
  const isSame =
    last?.tokens === tokens &&
    last.presented.length === bytes.length &&
    timingSafeEqual(last.presented, bytes);
  if (isSame) return last.token;
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(String(bytes)) ?? [];
  if (bearer === undefined) return 'none';
  const token = findToken(tokens, bearer);
  if (token !== undefined && connection !== undefined) {
    foundLast.set(connection, { presented: bytes, tokens, token });
  }
  return token;
}

function accessInterceptor(tokens: () => readonly Token[]): ServerInterceptor {
  return ({ path }, innerCall) => {
    const call = internalsOf(innerCall);
    const [presented] = call.metadata.get('authorization');
    // No one behind this is to see it.
    call.metadata.remove('authorization');
    const allowed = allow(path, presented, tokens(), call.stream.session);
    if ('refusal' in allowed) return refuseCall(call, allowed.refusal);
    if (call.record !== undefined) call.record.client = allowed.name;
    // The call as it is: another one wrapped around it costs time too.
    return call;
  };
}

type Allowed = { readonly name: string | undefined } | { readonly refusal: StatusObject };

function allow(
  path: string,
  presented: string | Buffer | undefined,
  tokens: readonly Token[],
  connection: object | undefined,
): Allowed {
  const need = needOf(path);
  // Who brings a token is told if it is none, there too.
  if (need === 'nothing' && presented === undefined) return { name: undefined };
  const token = tokenOf(presented, tokens, connection);
  if (token === 'none') return { refusal: noToken() };
  if (token === undefined) return { refusal: unknownToken() };
  if (token.expiresAtMs !== undefined && token.expiresAtMs <= Date.now()) {
    return { refusal: expiredToken(token.name, token.expiresAtMs) };
  }
  if (need === 'nothing' || need === 'any token') return token;
  if (token.scopes.has(need) || token.scopes.has('admin')) return token;
  return { refusal: noScope(token, need, path) };
}

function unauthenticated(sentence: string, reason: string): StatusObject {
  return statusObject(failure(Status.UNAUTHENTICATED, sentence, { reason }));
}

const noToken = () =>
  unauthenticated(
    'this server asks for a token: send it as the metadata "authorization: Bearer <token>"',
    'TOKEN_MISSING',
  );

const unknownToken = () =>
  unauthenticated(
    'the token is none that this server knows, or it was taken back',
    'TOKEN_UNKNOWN',
  );

const expiredToken = (name: string, atMs: number) =>
  unauthenticated(
    `the token of ${name} expired at ${new Date(atMs).toISOString()}: ask for a new one`,
    'TOKEN_EXPIRED',
  );

const noScope = ({ name, scopes }: Token, need: Scope, path: string) =>
  statusObject(
    failure(
      Status.PERMISSION_DENIED,
      `the token of ${name} is for ${[...scopes].join(', ')}: ${path} needs ${need}`,
      { reason: 'SCOPE_MISSING', metadata: { scope: need } },
    ),
  );
