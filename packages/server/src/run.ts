import { setTimeout as delay } from 'node:timers/promises';
import {
  type Config,
  configOf,
  flagOf,
  readSettings,
  type Setting,
  unknownVariables,
} from './config.js';
import { endLogger, logger, openLogger } from './logger.js';
import { startServer } from './server.js';
import { StartError } from './start-error.js';

/**
 * Runs a server in this process, as `tally-server` does: reads its options, says when it is ready, and
 * ends the process after SIGTERM or SIGINT, or with code 1 if it cannot start.
 *
 * `name` is what the help calls the command. On `--help` and on wrong usage it throws commander's
 * CommanderError, after its text is printed.
 */
export async function runServer(argv: readonly string[], name: string): Promise<void> {
  goOnUnheard();
  const settings = readSettings(argv, { name, throws: true });
  const config = configOf(settings);
  await openLogger(config);
  const ending = new AbortController();
  const starting = startServer(config, ending.signal);
  endOnSignals(ending, starting, config);
  try {
    const { port, metricsPort, warmUpMs } = await starting;
    if (ending.signal.aborted) return;
    console.log(`Ready in ${seconds(performance.now())}, ${warmUpShare(config, warmUpMs)}`);
    const where = `${config.host}:${port}, data in ${config.dataDir}`;
    if (metricsPort !== undefined) {
      console.log(`Metrics: http://${config.metricsHost}:${metricsPort}/metrics`);
    }
    logger.info({ options: givenOf(settings) }, 'options, but for defaults');
    warnOfOpenDoors(config);
    warnOfUnknownVariables();
    console.log(`Tally serves ${config.services.join(' and ')} on ${where}`);
  } catch (error) {
    console.error(error instanceof StartError ? error.message : error);
    await endLogger();
    process.exit(1);
  }
}

/** What a stream of Node's writes to; its types have no word of it. */
interface Written {
  readonly _handle?: { setBlocking?(isBlocking: boolean): unknown };
}

/** Whoever reads what is printed may end, or stop to read: that neither ends nor stops the server. */
function goOnUnheard(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {});
    // Node waits for terminals, which are stopped with Ctrl-S.
    if (stream.isTTY) (stream as Written)._handle?.setBlocking?.(false);
  }
}

/** What was said, and by what: as `tally config` prints it, for where that cannot be run. */
const givenOf = (settings: readonly Setting[]) =>
  Object.fromEntries(
    settings
      .filter(({ from }) => from !== 'default')
      .map(({ name, value, from }) => [flagOf(name), { value, from }]),
  );

/**
 * How long the server may take to close what is open once its calls are over, or to come to an end of
 * its start: what is left then is as after a kill, which loses nothing.
 */
const closeMsMax = 3000;

function endOnSignals(
  ending: AbortController,
  starting: ReturnType<typeof startServer>,
  { drainMs }: Config,
): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, async () => {
      // Ctrl-C under npm comes twice, from the terminal and from npm: the first one counts.
      if (ending.signal.aborted) return;
      console.log(`${signal}: finishing the calls in progress`);
      ending.abort();
      const ended = starting.then((server) => server.stop());
      // A start that fails ends the process itself.
      await Promise.race([ended.catch(() => {}), delay(drainMs + closeMsMax)]);
      await endLogger();
      process.exit(0);
    });
  }
}

/** Says what an operator may not have meant. */
function warnOfOpenDoors({ host, tokenFile, tlsCert }: Config): void {
  if (isLoopback(host)) return;
  if (tokenFile === undefined) {
    logger.warn(
      `Whoever reaches ${host} may do everything: give --token-file, or let only trusted programs ` +
        'reach it.',
    );
  } else if (tlsCert === undefined) {
    logger.warn('Tokens come unencrypted, for everybody on the way to read: give --tls-cert.');
  }
}

/** One that is misspelt would be left out without a word, and it may be the one of the token file. */
function warnOfUnknownVariables(): void {
  const unknown = unknownVariables(process.env);
  if (unknown.length === 0) return;
  logger.warn(
    `${unknown.join(', ')}: no option has ${unknown.length === 1 ? 'this variable' : 'these variables'} ` +
      '(--help lists those that there are).',
  );
}

const isLoopback = (host: string) =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

function warmUpShare({ warmupCalls }: Config, warmUpMs: number | undefined): string {
  if (warmUpMs === undefined) return 'without a warm-up';
  return `${seconds(warmUpMs)} of it for ${warmupCalls.toLocaleString('en-US')} warm-up calls`;
}
