import { type Command, Option } from 'commander';
import { durationMs, filePath, wholeNumber } from './option-values.js';

/** Where the server is, how to reach it, and how long to wait for it. */
export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  /** In milliseconds. */
  readonly connectTimeout: number;
  readonly tls?: true;
  /** Absolute paths of PEM files. */
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Absolute path of a file that holds a token. */
  readonly tokenFrom?: string;
}

/** Returns `host:port`, as it is shown and dialled. */
export function serverAddress({ host, port }: ServerOptions): string {
  // The colons of an IPv6 address are not the one before the port.
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The commander parser of a port. */
export const portNumber = wholeNumber(1, 65_535);

/** Adds the options that every command with a server has. */
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
    )
    .option('--tls', 'encrypt the connection')
    .option('--tls-ca <file>', 'the same, trusting these certificates of authorities', filePath)
    .option('--tls-cert <file>', "the same, with this client's certificate", filePath)
    .option('--tls-key <file>', 'the private key of --tls-cert', filePath)
    .option(
      '--token-from <file>',
      "the file that holds this client's token, for a server that asks for one (or TALLY_TOKEN)",
      filePath,
    );
}
