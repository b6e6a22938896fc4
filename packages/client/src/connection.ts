import { readFile } from 'node:fs/promises';
import { callFailure } from './call-failure.js';
import { CommandError, exitCodes } from './exit-codes.js';
import type { RepeatOptions } from './options/repeat-options.js';
import { type ServerOptions, serverAddress } from './options/server-options.js';
import { connect, type Tally, TallyError, type TlsOptions } from './sdk/index.js';
import { isToken } from './sdk/token.js';

/** What a command with a server is told of it. */
export interface ConnectionOptions extends ServerOptions, RepeatOptions {}

/** Connects as the options say. Throws CommandError (unreachable) if no server answers. */
export async function connectTo(options: ConnectionOptions): Promise<Tally> {
  const { connectTimeout, deadline, attempts } = options;
  const tls = await tlsOf(options);
  const token = await tokenOf(options);
  try {
    return await connect(serverAddress(options), {
      connectTimeoutMs: connectTimeout,
      deadlineMs: deadline,
      attempts,
      tls,
      token,
    });
  } catch (error) {
    if (error instanceof TypeError) {
      throw new CommandError(error.message, exitCodes.wrongUsage, { cause: error });
    }
    if (!(error instanceof TallyError)) throw error;
    if (error.cause === undefined) {
      throw new CommandError(`${capital(error.sentence)}.`, exitCodes.unreachable, {
        cause: error,
      });
    }
    throw new CommandError(
      `No Tally server answered at ${serverAddress(options)} within ${connectTimeout / 1000} s: start ` +
        'one with `npm start` or `docker compose up`, or say where it is with --host and --port.',
      exitCodes.unreachable,
      { cause: error },
    );
  }
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Connects, runs `work`, and closes the connection whatever happens; calls that fail throw CommandError. */
export async function withTally(
  options: ConnectionOptions,
  work: (tally: Tally) => Promise<void>,
): Promise<void> {
  const tally = await connectTo(options);
  try {
    await work(tally);
  } catch (error) {
    throw callFailure(error, tally.address);
  } finally {
    tally.close();
  }
}

async function tlsOf(options: ServerOptions): Promise<true | TlsOptions | undefined> {
  const { tls, tlsCa, tlsCert, tlsKey } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new CommandError(
      '--tls-cert and --tls-key belong together: give both, or none.',
      exitCodes.wrongUsage,
    );
  }
  if (tlsCa === undefined && tlsCert === undefined) return tls;
  const [ca, cert, key] = await Promise.all([pem(tlsCa), pem(tlsCert), pem(tlsKey)]);
  return { ca, cert, key };
}

/** The token of the file, or of the environment; undefined if there is none. */
async function tokenOf({ tokenFrom }: ServerOptions): Promise<string | undefined> {
  const text = (await pem(tokenFrom))?.toString('utf8') ?? process.env.TALLY_TOKEN;
  const token = text?.trim();
  if (token !== undefined && !isToken(token)) {
    throw new CommandError(
      `${tokenFrom ?? 'TALLY_TOKEN'} is to hold one token, and nothing else.`,
      exitCodes.wrongUsage,
    );
  }
  return token;
}

async function pem(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (cause) {
    throw new CommandError(`Cannot read ${path}: ${String(cause)}.`, exitCodes.wrongUsage, {
      cause,
    });
  }
}
