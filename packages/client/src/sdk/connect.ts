import {
  AdminServiceDefinition,
  NumberServiceDefinition,
  NumStoreDefinition,
  TableDefinition,
  TableServiceDefinition,
} from '@tally/stubs';
import { createClientFactory } from 'nice-grpc';
import { deadlineMiddleware } from 'nice-grpc-client-middleware-deadline';
import { type Admin, adminCalls } from './backup.js';
import type { CallDefaults } from './call-options.js';
import { readyChannel, serverAddress, type TlsOptions } from './channel.js';
import { type Frozen, frozenCalls } from './frozen.js';
import { type Numbers, numberCalls } from './numbers.js';
import { type Tables, tableCalls } from './tables.js';
import { refuseOpenToken, type TokenSource, tokenMiddleware } from './token.js';

/** How to connect, and what calls do unless they are told otherwise. */
export interface ConnectOptions {
  /** `true`: TLS with the authorities that Node trusts; an object: with others, or with a certificate. */
  readonly tls?: true | TlsOptions | undefined;
  /**
   * What the server asks of those who call, if it does; sent with each call, and never unencrypted to
   * another machine.
   */
  readonly token?: TokenSource | undefined;
  /** How long to wait for a server that is still starting, in milliseconds; default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * How long each attempt of a call may take, in milliseconds; default 300,000. Uploads may take a second
   * more for each MiB; those of unknown size, and exports, have no deadline of their own.
   */
  readonly deadlineMs?: number | undefined;
  /**
   * How often a call is tried that does not get through; default 8, with pauses that grow to 5 s: a
   * server that is restarted within that time is met again.
   */
  readonly attempts?: number | undefined;
}

/** A connection to a server. */
export interface Tally {
  /** `host:port` of the server. */
  readonly address: string;
  /** The named integers, their total, and factorials. */
  readonly numbers: Numbers;
  /** The tables. */
  readonly tables: Tables;
  /** The four calls of the first version's services, with their answers as they are. */
  readonly frozen: Frozen;
  /** What operators do. */
  readonly admin: Admin;
  /** Closes the connection; calls in progress fail. */
  close(): void;
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Connects to a server at `host:port` (`host` alone: port 5440), over a TCP connection of its own, and
 * waits until it has answered.
 *
 * Throws TallyError (UNAVAILABLE) if that takes too long, or at once if it can never be: the server speaks no
 * TLS, or a certificate is refused. Throws TypeError if a token would go unencrypted to another machine.
 *
 * @example
 * await using tally = await connect('localhost:5440');
 * console.log(await tally.numbers.set('visits', 1));
 */
export async function connect(address: string, options: ConnectOptions = {}): Promise<Tally> {
  const { tls, token, connectTimeoutMs = 10_000, deadlineMs = 300_000, attempts = 8 } = options;
  const server = serverAddress(address);
  if (token !== undefined) refuseOpenToken(server, tls !== undefined);
  const channel = await readyChannel(server, tls, connectTimeoutMs);
  const withDeadline = createClientFactory().use(deadlineMiddleware);
  const clients = token === undefined ? withDeadline : withDeadline.use(tokenMiddleware(token));
  const defaults: CallDefaults = { deadlineMs, attempts };
  const close = () => channel.close();
  return {
    address: server,
    numbers: numberCalls(clients.create(NumberServiceDefinition, channel), defaults),
    tables: tableCalls(clients.create(TableServiceDefinition, channel), defaults),
    frozen: frozenCalls(
      clients.create(NumStoreDefinition, channel),
      clients.create(TableDefinition, channel),
      defaults,
    ),
    admin: adminCalls(clients.create(AdminServiceDefinition, channel), defaults),
    close,
    [Symbol.asyncDispose]: async () => close(),
  };
}
