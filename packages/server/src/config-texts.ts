import path from 'node:path';
import { InvalidArgumentError } from 'commander';

/** What an acknowledged write survives: power loss, the death of the process, or nothing. */
export type Durability = 'fsync' | 'os' | 'memory';
/** A service that the server offers. */
export type ServiceName = 'numbers' | 'tables';
/** The least important lines that are logged. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
/** `auto`: lines for people where a terminal shows them, JSON elsewhere. */
export type LogFormat = 'auto' | 'json' | 'pretty';

/** A text that the server can be told. */
export interface TextOption<T> {
  /** How the help names the value. */
  readonly value: string;
  readonly help: string;
  readonly fallback: T;
  /** Throws InvalidArgumentError, with a sentence that says what is allowed. */
  readonly parse: (text: string) => T;
}

/** Every other thing that the server can be told; flags and variables are named as those of numbers. */
export const textOptions = {
  host: {
    value: '<address>',
    help: 'address to listen on (default 127.0.0.1: this machine only)',
    fallback: '127.0.0.1',
    parse: hostName,
  },
  dataDir: {
    value: '<folder>',
    help: 'folder that holds all data; made if missing (default ./tally-data)',
    // Where the user stands is known when it is read.
    get fallback() {
      return userPath('tally-data');
    },
    parse: aPath('a folder'),
  },
  services: {
    value: '<list>',
    help: 'what to serve: numbers,tables (default both)',
    fallback: ['numbers', 'tables'],
    parse: serviceList,
  },
  durability: {
    value: '<level>',
    help:
      'what an acknowledged write survives: fsync, power loss; os, the death of the process; ' +
      'memory, nothing (default fsync)',
    fallback: 'fsync',
    parse: oneOf(['fsync', 'os', 'memory']),
  },
  tlsCert: {
    value: '<file>',
    help: 'certificate chain of the server, PEM; with it every connection is TLS 1.2 or newer',
    fallback: undefined,
    parse: aPath('a file'),
  },
  tlsKey: {
    value: '<file>',
    help: 'private key of --tls-cert, PEM; both are read again when they change',
    fallback: undefined,
    parse: aPath('a file'),
  },
  tlsClientCa: {
    value: '<file>',
    help: 'authorities, PEM, one of which must have signed the certificate of each client',
    fallback: undefined,
    parse: aPath('a file'),
  },
  tokenFile: {
    value: '<file>',
    help: 'hashes of the tokens that clients must have (tally token create makes both); read again when it changes',
    fallback: undefined,
    parse: aPath('a file'),
  },
  metricsPort: {
    value: '<port>',
    help: 'HTTP port for Prometheus, /metrics; 0 takes a free one (0 to 65535, or off; default off)',
    fallback: undefined,
    parse: portOrOff,
  },
  metricsHost: {
    value: '<address>',
    help: 'address of that port (default 127.0.0.1: this machine only)',
    fallback: '127.0.0.1',
    parse: hostName,
  },
  otlpEndpoint: {
    value: '<url>',
    help: 'OpenTelemetry collector that gets traces, as http://localhost:4318 (default none)',
    fallback: undefined,
    parse: httpUrl,
  },
  logLevel: {
    value: '<level>',
    help: 'what is logged: debug, info (a line for each call), warn, error or silent (default info)',
    fallback: 'info',
    parse: oneOf(['debug', 'info', 'warn', 'error', 'silent']),
  },
  logFormat: {
    value: '<format>',
    help: 'auto, json or pretty (default auto: pretty in a terminal, json elsewhere)',
    fallback: 'auto',
    parse: oneOf(['auto', 'json', 'pretty']),
  },
} as const satisfies Readonly<Record<string, TextOption<unknown>>>;

/** The texts of a configuration, by name. */
export interface Texts {
  /** Address to listen on. */
  readonly host: string;
  /** Absolute path of the folder that holds all data. */
  readonly dataDir: string;
  readonly services: readonly ServiceName[];
  readonly durability: Durability;
  /** Absolute paths of PEM files; undefined: no TLS, or clients need no certificate. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly tlsClientCa: string | undefined;
  /** Absolute path; undefined: everybody may do everything. */
  readonly tokenFile: string | undefined;
  /** Undefined: off. */
  readonly metricsPort: number | undefined;
  readonly metricsHost: string;
  /** Undefined: nothing is traced. */
  readonly otlpEndpoint: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

// npm and pnpm run scripts in the package's folder; INIT_CWD is where the user stood.
const userPath = (text: string) => path.resolve(process.env.INIT_CWD ?? process.cwd(), text);

function aPath(what: string) {
  return (text: string): string => {
    if (text === '') throw new InvalidArgumentError(`It must be the path of ${what}.`);
    return userPath(text);
  };
}

function hostName(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must be an IP address or a host name.');
  return text;
}

function serviceList(text: string): readonly ServiceName[] {
  const serviceNames: readonly ServiceName[] = ['numbers', 'tables'];
  const names = text.split(',').map((name) => name.trim());
  const known = serviceNames.filter((name) => names.includes(name));
  if (known.length === 0 || names.some((name) => !serviceNames.includes(name as ServiceName))) {
    throw new InvalidArgumentError('It must be numbers, tables, or both with a comma between.');
  }
  return known;
}

function oneOf<T extends string>(allowed: readonly T[]) {
  return (text: string): T => {
    const found = allowed.find((value) => value === text);
    if (found === undefined) {
      throw new InvalidArgumentError(`It must be one of ${allowed.join(', ')}.`);
    }
    return found;
  };
}

function portOrOff(text: string): number | undefined {
  if (text === 'off') return undefined;
  const port = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535, or off.');
}

function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new InvalidArgumentError('It must be a URL that begins with http:// or https://.');
}
