import { once } from 'node:events';
import pino, { type DestinationStream, type Logger } from 'pino';
import type { Config } from './config.js';

/** Lines that are not written yet; beyond that, while nobody reads them, new ones are dropped. */
const unwrittenBytesMax = 4 * 1024 * 1024;
/** Lines are written together when they are so long, or this old. */
const togetherBytes = 32 * 1024;
const togetherMs = 100;

const standardError = 2;

/** Of the last line's time: its minute, counted from 1970, and what is written before the seconds. */
let minute = Number.NaN;
let untilMinute = '';

/**
 * The log of this process, on standard error: nothing of clients' data, and no secret, goes into it.
 *
 * Warnings and errors only, until `openLogger` says otherwise.
 */
export let logger: Logger = pino({ ...optionsOf('warn') }, pino.destination(standardError));

let flush: (() => Promise<void>) | undefined;

/** Has the log written as the configuration says. */
export async function openLogger({
  logLevel,
  logFormat,
}: Pick<Config, 'logLevel' | 'logFormat'>): Promise<void> {
  const isPretty =
    logFormat === 'pretty' || (logFormat === 'auto' && process.stderr.isTTY === true);
  logger = pino(optionsOf(logLevel), isPretty ? await prettyLines() : jsonLines());
}

/** Writes what is not written yet. */
export async function flushLogger(): Promise<void> {
  await flush?.();
}

/** The time of a line, ISO 8601 in UTC; what is before the seconds is made once a minute. */
function timestamp(): string {
  const nowMs = Date.now();
  const nowMinute = Math.floor(nowMs / 60_000);
  if (nowMinute !== minute) {
    minute = nowMinute;
    untilMinute = new Date(nowMs).toISOString().slice(0, -7);
  }
  const ms = String(100_000 + (nowMs % 60_000));
  return `,"time":"${untilMinute}${ms.slice(1, 3)}.${ms.slice(3)}Z"`;
}

function optionsOf(level: string) {
  return {
    level,
    // One process, one host: who collects logs knows both.
    base: null,
    timestamp,
    formatters: { level: (label: string) => ({ level: label }) },
  };
}

function jsonLines(): DestinationStream {
  const stream = pino.destination({
    dest: standardError,
    sync: false,
    minLength: togetherBytes,
    maxLength: unwrittenBytesMax,
    maxWrite: 2 * togetherBytes,
    periodicFlush: togetherMs,
  });
  // A log that cannot be written does not end the service.
  stream.on('error', () => {});
  flush = () => new Promise((resolve) => stream.flush(() => resolve()));
  return stream;
}

async function prettyLines(): Promise<DestinationStream> {
  // Loaded here only: a server without a terminal starts without it.
  const { default: pretty } = await import('pino-pretty');
  const stream = pretty({
    destination: standardError,
    sync: true,
    colorize: process.stderr.isTTY === true,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
  flush = async () => {
    if (stream.writableNeedDrain) await once(stream, 'drain');
  };
  return stream;
}
