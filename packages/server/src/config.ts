import { Command, InvalidArgumentError, Option } from 'commander';
import { type Limits, type NumberOption, numberOptions } from './config-numbers.js';
import { type TextOption, type Texts, textOptions } from './config-texts.js';

export { type Limits, numberOptions } from './config-numbers.js';
export type { Durability, ServiceName } from './config-texts.js';

/** Everything that a server can be told. */
export interface Config extends Limits, Texts {}

/** One thing that is in force, and where it came from. */
export interface Setting {
  /** As `port`. */
  readonly name: keyof Config;
  readonly value: unknown;
  /** `default`, the flag or the variable that said it, or the flag of another that it follows. */
  readonly from: string;
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);
export const flagOf = (name: string) => `--${kebab(name)}`;
export const variableOf = (name: string) =>
  `TALLY_${kebab(name).replaceAll('-', '_').toUpperCase()}`;

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
  const texts: Readonly<Record<string, TextOption<unknown>>> = textOptions;
  for (const [name, { value, help, parse }] of Object.entries(texts)) {
    command.addOption(
      new Option(`${flagOf(name)} ${value}`, help).env(variableOf(name)).argParser(parse),
    );
  }
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
export function readConfig(argv: readonly string[], options: ReadConfigOptions = {}): Config {
  return configOf(readSettings(argv, options));
}

/** The configuration that settings make. */
export function configOf(settings: readonly Setting[]): Config {
  return Object.fromEntries(settings.map(({ name, value }) => [name, value])) as unknown as Config;
}

/** The same, with where each value came from. */
export function readSettings(
  argv: readonly string[],
  { name = 'tally-server', exitOverride = false, throws = false }: ReadConfigOptions = {},
): readonly Setting[] {
  const program = command(name);
  if (exitOverride || throws) program.exitOverride();
  if (exitOverride) program.configureOutput({ writeErr: () => {} });
  program.parse(argv, { from: 'user' });
  const settings = new Map(
    Object.entries({ ...textOptions, ...numberOptions }).map(([name, { fallback }]) => [
      name,
      settingOf(program, name as keyof Config, fallback),
    ]),
  );
  follow(settings);
  const fault = faultOf(settings);
  if (fault !== undefined) program.error(`error: ${fault}`);
  return [...settings.values()];
}

type Settings = Map<string, Setting>;

function settingOf(program: Command, name: keyof Config, fallback: unknown): Setting {
  const source = program.getOptionValueSource(name);
  if (source === undefined) return { name, value: fallback, from: 'default' };
  const from = source === 'env' ? variableOf(name) : flagOf(name);
  return { name, value: program.getOptionValue(name), from };
}

const numberIn = (settings: Settings, name: keyof Limits) => settings.get(name)?.value as number;

/** Changes the defaults that depend on what else was said. */
function follow(settings: Settings): void {
  const set = (name: keyof Limits, value: number, followed: keyof Limits) => {
    const setting = settings.get(name);
    if (setting?.from !== 'default' || setting.value === value) return;
    settings.set(name, { name, value, from: `default, as ${flagOf(followed)} is ${value}` });
  };
  // Someone who asks for one table thread has not asked for two conversions.
  const threads = numberIn(settings, 'tableThreads');
  const conversions = Math.min(numberOptions.conversionsMax.fallback, threads);
  set('conversionsMax', conversions, 'tableThreads');
  // Someone who asks for larger messages has asked for room for one.
  const messageBytes = numberIn(settings, 'messageBytesMax');
  const admitted = Math.max(numberOptions.admittedBytesMax.fallback, messageBytes);
  set('admittedBytesMax', admitted, 'messageBytesMax');
}

/** The flag, or the variable that was given in its place, and its value. */
function said(settings: Settings, name: keyof Config): string {
  const { value, from } = settings.get(name) as Setting;
  return `${from.startsWith('default') ? flagOf(name) : from} is ${value}`;
}

/** What does not go together; undefined if all does. */
function faultOf(settings: Settings): string | undefined {
  const number = (name: keyof Limits) => numberIn(settings, name);
  if (number('conversionsMax') > number('tableThreads')) {
    return (
      `${said(settings, 'conversionsMax')}: at most ${number('tableThreads')} is allowed, the threads ` +
      'of --table-threads that run conversions.'
    );
  }
  if (number('admittedBytesMax') < number('messageBytesMax')) {
    return (
      `${said(settings, 'admittedBytesMax')}: at least ${number('messageBytesMax')} is needed, the ` +
      'largest message of --message-bytes-max.'
    );
  }
  const isGiven = (name: keyof Texts) => settings.get(name)?.value !== undefined;
  if (isGiven('tlsCert') !== isGiven('tlsKey')) {
    const [given, other] = isGiven('tlsCert')
      ? (['tlsCert', 'tlsKey'] as const)
      : (['tlsKey', 'tlsCert'] as const);
    return `${said(settings, given)}: it needs ${flagOf(other)} beside it.`;
  }
  if (isGiven('tlsClientCa') && !isGiven('tlsCert')) {
    return (
      `${said(settings, 'tlsClientCa')}: it needs --tls-cert and --tls-key beside it, as without TLS no ` +
      'client shows a certificate.'
    );
  }
  const endpoint = settings.get('otlpEndpoint')?.value as Texts['otlpEndpoint'];
  const { username, password } = new URL(endpoint ?? 'http://none');
  if (username !== '' || password !== '') {
    // It is not repeated here.
    return (
      '--otlp-endpoint holds a password, which others could see: the variable ' +
      'OTEL_EXPORTER_OTLP_HEADERS may hold one, as authorization=Basic%20<base64>.'
    );
  }
  return undefined;
}

/** The variables of the environment that begin as Tally's, and that neither server nor client knows. */
export function unknownVariables(environment: NodeJS.ProcessEnv): readonly string[] {
  const names = Object.keys({ ...textOptions, ...numberOptions }).map(variableOf);
  const known = new Set([...names, 'TALLY_TOKEN']);
  return Object.keys(environment)
    .filter((name) => name.startsWith('TALLY_') && !known.has(name))
    .sort();
}
