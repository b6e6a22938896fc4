import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';

/** What an acknowledged write survives: power loss, the death of the process, or nothing. */
export type Durability = 'fsync' | 'os' | 'memory';
/** A service that the server offers. */
export type ServiceName = 'numbers' | 'tables';

const MiB = 1024 * 1024;

interface NumberOption {
  readonly unit: string;
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  readonly help: string;
}

/**
 * Every number that the server can be told: its unit, default and range.
 *
 * The flag is the name in kebab-case, the environment variable the same in capitals after
 * `TALLY_`: `keyBytesMax` is `--key-bytes-max` and `TALLY_KEY_BYTES_MAX`.
 */
export const numberOptions = {
  port: {
    unit: '',
    fallback: 5440,
    min: 0,
    max: 65_535,
    help: 'port to serve on; 0 takes a free one',
  },
  messageBytesMax: {
    unit: 'bytes',
    fallback: 64 * MiB,
    min: 64 * 1024,
    max: 512 * MiB,
    help: 'largest request message, so the largest CSV file of one /Table/Upload call',
  },
  admittedBytesMax: {
    unit: 'bytes',
    fallback: 64 * MiB,
    min: 64 * 1024,
    max: 4096 * MiB,
    help: 'most memory of request messages of more than 64 KiB; others wait, unread',
  },
  waitingCallsMax: {
    unit: 'calls',
    fallback: 40,
    min: 0,
    max: 10_000,
    help: 'most calls that wait for room for their messages; others are refused at once',
  },
  waitingBytesMax: {
    unit: 'bytes',
    fallback: 1024 * MiB,
    min: 64 * 1024,
    max: 1024 * 1024 * MiB,
    help: 'most bytes of the messages that wait, none of which is read',
  },
  waitMsMax: {
    unit: 'ms',
    fallback: 30_000,
    min: 1,
    max: 3_600_000,
    help: 'longest wait for room for a message; then the call is refused',
  },
  messageBytesPerSecondMin: {
    unit: 'bytes a second',
    fallback: 256 * 1024,
    min: 1,
    max: 1024 * MiB,
    help: 'slowest a message may come, or be taken, while others wait for its room or its place',
  },
  callsMax: {
    unit: 'calls',
    fallback: 500,
    min: 1,
    max: 100_000,
    help: 'most calls in progress; others are refused at once',
  },
  connectionCallsMax: {
    unit: 'calls',
    fallback: 100,
    min: 1,
    max: 100_000,
    help: "most calls in progress of one connection; its client's library keeps others back",
  },
  streamsMax: {
    unit: 'calls',
    fallback: 16,
    min: 1,
    max: 10_000,
    help: 'most streamed uploads in progress; others are refused at once',
  },
  connectionsMax: {
    unit: 'connections',
    fallback: 1100,
    min: 1,
    max: 100_000,
    help: 'most connections; others are closed as soon as they are made',
  },
  pingMs: {
    unit: 'ms',
    fallback: 20_000,
    min: 100,
    max: 3_600_000,
    help: 'how often each connection is asked whether its client is still there',
  },
  pingTimeoutMs: {
    unit: 'ms',
    fallback: 10_000,
    min: 100,
    max: 3_600_000,
    help: 'how long a client may take to answer that; then its connection is closed',
  },
  keyBytesMax: {
    unit: 'bytes of UTF-8',
    fallback: 1024,
    min: 1,
    max: 1024,
    help: 'longest key of a number',
  },
  keysMax: {
    unit: 'numbers',
    fallback: 100_000_000,
    min: 1,
    max: 10_000_000_000,
    help: 'most numbers; those that exist can always be set',
  },
  idempotencyKeysMax: {
    unit: 'keys',
    fallback: 1_000_000,
    min: 1,
    max: 100_000_000,
    help: 'most idempotency keys that are kept, of numbers and as many of uploads; the oldest go',
  },
  idempotencyHours: {
    unit: 'hours',
    fallback: 24,
    min: 1,
    max: 8760,
    help: 'how long an idempotency key is kept',
  },
  factorialMax: {
    unit: '',
    fallback: 1_000_000,
    min: 20,
    max: 10_000_000,
    help: 'largest n whose factorial is computed',
  },
  chunkColumnsMax: {
    unit: 'columns',
    fallback: 500,
    min: 1,
    max: 4000,
    help: 'most columns of one uploaded file',
  },
  columnNameBytesMax: {
    unit: 'bytes of UTF-8',
    fallback: 1024,
    min: 1,
    max: 64 * 1024,
    help: 'longest column name',
  },
  fieldBytesMax: {
    unit: 'bytes',
    fallback: 1 * MiB,
    min: 1024,
    max: 16 * MiB,
    help: 'longest field of a CSV file, as written in it, without the quotes around it',
  },
  rowBytesMax: {
    unit: 'bytes',
    fallback: 16 * MiB,
    min: 64 * 1024,
    max: 64 * MiB,
    help: 'longest row of a CSV file, as written in it',
  },
  gzipBytesMax: {
    unit: 'bytes',
    fallback: 16 * 1024 * MiB,
    min: 64 * 1024,
    max: 1024 * 1024 * MiB,
    help: 'most that one gzipped CSV file may unpack to',
  },
  rowGroupRowsMax: {
    unit: 'rows',
    fallback: 250_000,
    min: 1000,
    max: 10_000_000,
    help: 'most rows of one Parquet row group',
  },
  rowGroupBytesMax: {
    unit: 'bytes',
    fallback: 16 * MiB,
    min: 1 * MiB,
    max: 256 * MiB,
    help: 'most decoded bytes of one Parquet row group (a single longer row makes its own)',
  },
  sumCacheEntries: {
    unit: 'sums',
    fallback: 100_000,
    min: 0,
    max: 10_000_000,
    help: 'sums of single files that are kept (a column counts as 4 more); 0 keeps none',
  },
  catalogCacheEntries: {
    unit: 'entries',
    fallback: 30_000,
    min: 0,
    max: 10_000_000,
    help: 'entries of the catalog (a column of a chunk each) that are kept in memory; 0 keeps none',
  },
  tablesMax: {
    unit: 'tables',
    fallback: 1000,
    min: 1,
    max: 100_000,
    help: 'most tables; making one more is refused',
  },
  openFilesMax: {
    unit: 'files',
    fallback: 256,
    min: 16,
    max: 65_536,
    help: 'most table files open at once; uploads past it wait for their turn',
  },
  factorialThreads: {
    unit: 'threads',
    fallback: 4,
    min: 1,
    max: 64,
    help: 'worker threads that compute factorials',
  },
  tableThreads: {
    unit: 'threads',
    fallback: 8,
    min: 1,
    max: 64,
    help: 'worker threads that read and write table files',
  },
  conversionsMax: {
    unit: 'uploads',
    fallback: 2,
    min: 1,
    max: 64,
    help: 'most uploads converted to Parquet at once; the other table threads only sum',
  },
  warmupCalls: {
    unit: 'calls',
    fallback: 2000,
    min: 0,
    max: 100_000,
    help: 'NumStore calls that the server sends to a scratch copy of itself before it serves; 0 for none',
  },
  drainMs: {
    unit: 'ms',
    fallback: 8000,
    min: 0,
    max: 9000,
    help: 'how long calls in progress may take to end after SIGTERM or SIGINT',
  },
} as const satisfies Record<string, NumberOption>;

/** The numbers of a configuration, by name. */
export type Limits = { readonly [K in keyof typeof numberOptions]: number };

/** Everything that a server can be told. */
export interface Config extends Limits {
  /** Address to listen on. */
  readonly host: string;
  /** Absolute path of the folder that holds all data. */
  readonly dataDir: string;
  readonly services: readonly ServiceName[];
  readonly durability: Durability;
}

const serviceNames: readonly ServiceName[] = ['numbers', 'tables'];

const kebab = (name: string) => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
export const flagOf = (name: string) => `--${kebab(name)}`;
const variableOf = (name: string) => `TALLY_${kebab(name).replaceAll('-', '_').toUpperCase()}`;

const withThousands = (n: number) => n.toLocaleString('en-US');

function wholeNumber({ min, max }: NumberOption, shown: (n: number) => string) {
  return (text: string): number => {
    const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(
        `It must be a whole number from ${shown(min)} to ${shown(max)}.`,
      );
    }
    return value;
  };
}

function serviceList(text: string): readonly ServiceName[] {
  const names = text.split(',').map((name) => name.trim());
  const known = serviceNames.filter((name) => names.includes(name));
  if (known.length === 0 || names.some((name) => !serviceNames.includes(name as ServiceName))) {
    throw new InvalidArgumentError('It must be numbers, tables, or both with a comma between.');
  }
  return known;
}

// npm and pnpm run scripts in the package's folder; INIT_CWD is where the user stood.
const userPath = (text: string) => path.resolve(process.env.INIT_CWD ?? process.cwd(), text);

function dataDir(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must be the path of a folder.');
  return userPath(text);
}

function hostName(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must be an IP address or a host name.');
  return text;
}

function numberOption(name: string, option: NumberOption): Option {
  const isPort = name === 'port';
  const shown = isPort ? String : withThousands;
  const unit = option.unit === '' ? '' : ` ${option.unit}`;
  const range = `${shown(option.min)} to ${shown(option.max)}${unit}`;
  return new Option(
    `${flagOf(name)} ${isPort ? '<port>' : '<n>'}`,
    `${option.help} (${range}; default ${shown(option.fallback)})`,
  )
    .env(variableOf(name))
    .argParser(wholeNumber(option, shown));
}

function command(name: string): Command {
  const command = new Command(name)
    .description(
      'Serves NumStore (named integers, their total, factorials) and Table (CSV chunks kept as ' +
        'CSV and Parquet, summed exactly by column) over gRPC until SIGTERM or SIGINT.',
    )
    .addOption(
      new Option('--host <address>', 'address to listen on (default 127.0.0.1: this machine only)')
        .env(variableOf('host'))
        .argParser(hostName)
        .default('127.0.0.1', '127.0.0.1'),
    )
    .addOption(
      new Option(
        '--data-dir <folder>',
        'folder that holds all data; made if missing (default ./tally-data)',
      )
        .env(variableOf('dataDir'))
        .argParser(dataDir),
    )
    .addOption(
      new Option('--services <list>', 'what to serve: numbers,tables (default both)')
        .env(variableOf('services'))
        .argParser(serviceList),
    )
    .addOption(
      new Option(
        '--durability <level>',
        'what an acknowledged write survives: fsync, power loss; os, the death of the process; ' +
          'memory, nothing (default fsync)',
      )
        .env(variableOf('durability'))
        .choices(['fsync', 'os', 'memory'])
        .default('fsync'),
    )
    .configureHelp({
      showGlobalOptions: true,
      // The default and the range are in the description already; only the variable is added.
      optionDescription: (option) =>
        option.envVar === undefined
          ? option.description
          : `${option.description} [${option.envVar}]`,
    })
    .addHelpText(
      'after',
      `\nExample:\n  ${name} --port 6000 --data-dir /var/lib/tally --durability os`,
    );
  for (const [name, option] of Object.entries(numberOptions)) {
    command.addOption(numberOption(name, option));
  }
  return command;
}

/** How the configuration is read. */
interface ReadConfigOptions {
  /** What the help calls the command. */
  readonly name?: string;
  /** Throws on wrong usage, without a word. */
  readonly exitOverride?: boolean;
  /** Throws on wrong usage and on `--help`, after the sentence or the help is printed. */
  readonly throws?: boolean;
}

/**
 * Reads the configuration from the command line and the environment; a flag wins over its variable.
 *
 * Ends the process on `--help` (code 0) and on wrong usage (code 1, with one sentence), unless
 * `exitOverride` or `throws` is set: then it throws commander's CommanderError.
 */
export function readConfig(
  argv: readonly string[],
  { name = 'tally-server', exitOverride = false, throws = false }: ReadConfigOptions = {},
): Config {
  const program = command(name);
  if (exitOverride || throws) program.exitOverride();
  if (exitOverride) program.configureOutput({ writeErr: () => {} });
  program.parse(argv, { from: 'user' });
  const given = program.opts();
  const numbers = Object.fromEntries(
    Object.entries(numberOptions).map(([name, option]) => [name, given[name] ?? option.fallback]),
  ) as unknown as Limits;
  // Someone who asks for one table thread has not asked for two conversions.
  const conversionsMax: number =
    given.conversionsMax ?? Math.min(numbers.conversionsMax, numbers.tableThreads);
  if (conversionsMax > numbers.tableThreads) {
    program.error(
      `error: --conversions-max is ${conversionsMax}: at most ${numbers.tableThreads} is allowed, ` +
        'the threads of --table-threads that run conversions.',
    );
  }
  // Someone who asks for larger messages has asked for room for one.
  const admittedBytesMax: number =
    given.admittedBytesMax ?? Math.max(numbers.admittedBytesMax, numbers.messageBytesMax);
  if (admittedBytesMax < numbers.messageBytesMax) {
    program.error(
      `error: --admitted-bytes-max is ${admittedBytesMax}: at least ${numbers.messageBytesMax} is ` +
        'needed, the largest message of --message-bytes-max.',
    );
  }
  return {
    ...numbers,
    conversionsMax,
    admittedBytesMax,
    host: given.host,
    dataDir: given.dataDir ?? userPath('tally-data'),
    services: given.services ?? serviceNames,
    durability: given.durability,
  };
}
