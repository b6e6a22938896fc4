import { type Command, Option } from 'commander';
import { durationMs, wholeNumber } from './option-values.js';

/** Where the server is, and how long to wait for it. */
export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  /** In milliseconds. */
  readonly connectTimeout: number;
}

/** Returns `host:port`, as it is shown and dialled. */
export function serverAddress({ host, port }: ServerOptions): string {
  // The colons of an IPv6 address are not the one before the port.
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The commander parser of a port. */
export const portNumber = wholeNumber(1, 65_535);

/** Adds the options that every command with a server has: `--host`, `--port`, `--connect-timeout`. */
export function addServerOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--host <address>', "the server's name or address")
        .env('TALLY_HOST')
        .default('127.0.0.1'),
    )
    .addOption(
      new Option('--port <port>', "the server's TCP port (1 to 65,535)")
        .env('TALLY_PORT')
        .argParser(portNumber)
        .default(5440),
    )
    .addOption(
      new Option(
        '--connect-timeout <time>',
        'how long to wait for a server that is still starting (1ms to 3600s; a number alone is ' +
          'in seconds)',
      )
        .argParser(durationMs)
        .default(10_000, '10s'),
    );
}
