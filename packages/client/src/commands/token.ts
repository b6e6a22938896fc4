import { appendFile, open, readFile, writeFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CommandError, exitCodes } from '../exit-codes.js';
import { filePath } from '../options/option-values.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';

/** As the server knows them; its own code is loaded when a command needs it. */
const scopes = ['numbers:read', 'numbers:write', 'tables:read', 'tables:write', 'admin'] as const;

type Scope = (typeof scopes)[number];

interface CreateOptions extends JsonOption {
  readonly file: string;
  readonly out: string | undefined;
  readonly scope: readonly Scope[];
  readonly expires: Date | 'never';
}

interface ListOptions extends JsonOption {
  readonly file: string;
}

/** Adds `tally token`, which makes tokens and lists them. */
export function addToken(program: Command): void {
  const token = program
    .command('token')
    .summary("make a token for a server's clients, or list them")
    .description(
      'Makes the tokens that a server with --token-file asks its clients for. The file has a line for ' +
        'each, with its hash: to take a token back, remove its line. A running server sees changes.',
    );
  addJsonOption(
    token.command('create').argument('<name>', 'who gets it: letters, digits and . _ @ -'),
  )
    .description(
      'Makes a token, adds its line to the file, and prints the token, which nothing keeps: give it to ' +
        'whoever is to have it, as a file for --token-from, or as TALLY_TOKEN.',
    )
    .addOption(fileOption())
    .addOption(
      new Option(
        '--out <file>',
        'new file for the token, which nobody else may read; default: it is printed',
      ).argParser(filePath),
    )
    .addOption(
      new Option('--scope <list>', `what it is good for: ${scopes.join(', ')}, with commas between`)
        .argParser(scopeList)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--expires <when>',
        'a time as 2027-01-31T00:00:00Z, so many days as 90d, or never',
      )
        .argParser(expiry)
        .default(inDays(90), '90d'),
    )
    .addHelpText(
      'after',
      '\nExample:\n  tally token create loader --scope tables:write --file tokens --out loader.token',
    )
    .action(createCommand);
  addJsonOption(token.command('list'))
    .description('Lists the tokens of the file.')
    .addOption(fileOption())
    .addHelpText('after', '\nExample:\n  tally token list --file tokens')
    .action(listCommand);
}

const fileOption = () =>
  new Option('--file <file>', "the server's --token-file; made if missing")
    .argParser(filePath)
    .makeOptionMandatory();

function scopeList(text: string): readonly Scope[] {
  const names = text.split(',').map((name) => name.trim());
  const known = scopes.filter((scope) => names.includes(scope));
  if (names.some((name) => !scopes.includes(name as Scope))) {
    throw new InvalidArgumentError(`It must be of ${scopes.join(', ')}, with commas between.`);
  }
  return known;
}

const dayMs = 24 * 3_600_000;
const inDays = (days: number) => new Date(Date.now() + days * dayMs);

function expiry(text: string): Date | 'never' {
  if (text === 'never') return text;
  const [, days] = /^([0-9]{1,5})d$/.exec(text) ?? [];
  if (days !== undefined) return inDays(Number(days));
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const time = new Date(isTime ? text : Number.NaN);
  if (Number.isNaN(time.getTime())) {
    throw new InvalidArgumentError('It must be as 2027-01-31T00:00:00Z, as 90d, or never.');
  }
  return time;
}

const loadTokens = () => import('@tally/server/token-file');

async function createCommand(name: string, options: CreateOptions): Promise<void> {
  const { file, out, scope, expires, json } = options;
  const { createToken, namePattern, tokenFileHead } = await loadTokens();
  if (!namePattern.test(name)) {
    throw new CommandError(
      `${JSON.stringify(name)} is no name of a token: 1 to 64 letters, digits and . _ @ - are ` +
        'allowed, and it may not begin with tally_.',
      exitCodes.wrongUsage,
    );
  }
  // One that cannot be read is not made longer.
  const before = await readTokens(file);
  const end = expires === 'never' ? undefined : expires;
  const { token, line } = createToken(name, scope, end);
  if (out !== undefined) await writeNew(out, `${token}\n`);
  if (before === undefined) {
    const handle = await open(file, 'wx', 0o600);
    await handle.writeFile(`${tokenFileHead}${line}\n`);
    await handle.sync();
    await handle.close();
  } else {
    await appendFile(file, `${before.endsWithNewline ? '' : '\n'}${line}\n`, { flush: true });
  }
  const expiresAt = end?.toISOString() ?? 'never';
  if (json) {
    const where = out === undefined ? { token } : { out };
    console.log(toJson({ name, ...where, scopes: scope, expires: expiresAt, file }));
    return;
  }
  if (out === undefined) console.log(token);
  const last =
    out === undefined ? 'It is shown this once only' : `It is in ${out} and nowhere else`;
  console.error(`The token of ${name} is for ${scope.join(', ')}, until ${expiresAt}. ${last}.`);
}

/** Makes a file that its owner alone may read. */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx', mode: 0o600, flush: true });
  } catch (cause) {
    const why =
      (cause as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already' : String(cause);
    throw new CommandError(`Cannot make ${file}: ${why}.`, exitCodes.wrongUsage, { cause });
  }
}

async function listCommand({ file, json }: ListOptions): Promise<void> {
  const { tokens = [] } = (await readTokens(file)) ?? {};
  const shown = tokens.map(({ name, scopes: of, expiresAtMs }) => ({
    name,
    scopes: [...of],
    expires: expiresAtMs === undefined ? 'never' : new Date(expiresAtMs).toISOString(),
    isExpired: expiresAtMs !== undefined && expiresAtMs <= Date.now(),
  }));
  if (json) {
    console.log(toJson({ tokens: shown }));
    return;
  }
  if (shown.length === 0) console.log(`There is no token in ${file}.`);
  for (const { name, scopes: of, expires, isExpired } of shown) {
    console.log(`${name}  ${of.join(',')}  ${expires}${isExpired ? ' (expired)' : ''}`);
  }
}

/** The tokens of a file; undefined if there is no such file. */
async function readTokens(file: string) {
  const { parseTokenFile, TokenFileError } = await loadTokens();
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CommandError(`Cannot read ${file}: ${String(cause)}.`, exitCodes.wrongUsage, {
      cause,
    });
  }
  try {
    return { tokens: parseTokenFile(file, text), endsWithNewline: /(^|\n)$/.test(text) };
  } catch (cause) {
    if (!(cause instanceof TokenFileError)) throw cause;
    throw new CommandError(cause.message, exitCodes.wrongUsage, { cause });
  }
}
