import { constants, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import pino, { type DestinationStream, type Logger } from 'pino';
import type { Config } from './config.js';

/** Lines that are not written yet; beyond that, while nobody reads them, new ones are dropped. */
const unwrittenBytesMax = 4 * 1024 * 1024;
/** Lines are written together when they are so long, or this old. */
const togetherBytes = 32 * 1024;
const togetherMs = 100;
/** How long the last lines have to be written when the process ends. */
const lastLinesMs = 1000;

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

let finish: (() => Promise<void>) | undefined;
let dropped = 0;

/** How many lines were dropped since the start, as nobody read those before them. */
export const droppedLines = () => dropped;

/** Has the log written as the configuration says. */
export async function openLogger({
  logLevel,
  logFormat,
}: Pick<Config, 'logLevel' | 'logFormat'>): Promise<void> {
  const isPretty =
    logFormat === 'pretty' || (logFormat === 'auto' && process.stderr.isTTY === true);
  logger = pino(optionsOf(logLevel), isPretty ? await prettyLines() : jsonLines());
}

/** Writes what is not written yet, for `lastLinesMs` at most, and nothing more: for the end of the process. */
export async function endLogger(): Promise<void> {
  await finish?.();
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
  return linesOf((line) => line);
}

async function prettyLines(): Promise<DestinationStream> {
  // Loaded here only: a server without a terminal starts without it.
  const { prettyFactory } = await import('pino-pretty');
  const pretty = prettyFactory({
    colorize: process.stderr.isTTY === true,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
  return linesOf((line) => pretty(line));
}

/** Writes lines without waiting for those who read them. */
function linesOf(text: (line: string) => string): DestinationStream {
  const stream = pino.destination({
    dest: logFile(),
    sync: false,
    minLength: togetherBytes,
    maxLength: unwrittenBytesMax,
    maxWrite: 2 * togetherBytes,
    periodicFlush: togetherMs,
  });
  // A log that cannot be written does not end the service.
  stream.on('error', () => {});
  stream.on('drop', () => {
    dropped++;
  });
  let isOver = false;
  const flush = () => new Promise<void>((resolve) => stream.flush(() => resolve()));
  finish = async () => {
    // The first may leave what is too short to be written alone.
    const written = flush().then(flush);
    await Promise.race([written, delay(lastLinesMs, undefined, { ref: false })]);
    isOver = true;
    stream.destroy();
  };
  return {
    write(line) {
      if (!isOver) stream.write(visible(text(line)));
    },
  };
}

/**
 * Standard error, such that a write never waits: a terminal that is stopped would hold a thread, and with it
 * the end of the process.
 */
function logFile(): number {
  // Asked for it, Node makes a pipe or a socket such, but not a terminal.
  if (process.stderr.isTTY !== true) return standardError;
  try {
    return openSync(
      '/proc/self/fd/2',
      constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
  } catch {
    return standardError;
  }
}

const hidden = /[\u0080-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const allHidden = new RegExp(hidden, 'g');

/**
 * Controls that JSON leaves as they are (C1), line separators and what changes the direction of writing,
 * escaped as JSON does with others: a client's text could hide or forge what a terminal shows.
 */
function visible(line: string): string {
  // Most lines are ASCII, which is known sooner.
  if (Buffer.byteLength(line) === line.length || !hidden.test(line)) return line;
  return line.replaceAll(
    allHidden,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
