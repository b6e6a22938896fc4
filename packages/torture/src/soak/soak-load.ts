import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, connect } from '../connection.js';
import { checkMarksMeanwhile } from '../load/check-sums.js';
import { largeChunk, smallChunk } from '../load/make-chunk.js';
import type { ServerLife } from '../load/server-life.js';
import { setNumber, setSomeNumber } from '../load/set-numbers.js';
import { pieces, uploadChunk, uploadSomething } from '../load/upload-chunks.js';
import { type Random, randomFrom } from '../random.js';
import { Violation } from '../violation.js';
import type { Latencies } from './latencies.js';
import { timerName } from './sample.js';

/** One client: what it calls, how long it rests after each call, and how often it calls at most. */
interface Client {
  readonly restMs: number;
  readonly timesMax?: number;
  call(connection: Connection, random: Random, n: number): Promise<void>;
}

/** Calls of a life that leave open whether they have done anything; the model bounds them. */
const uncertainUploadsMax = 8;
const largeUploadsMax = 8;
const pieceBytes = 1024;
const largePieceBytes = 64 * 1024;
const cancelMsMax = 40;
const int64FactorialMax = 20;

/** Clients of all kinds, at a rate that a server has no trouble with, until it is killed. */
export async function soakLoad(
  life: ServerLife,
  latencies: Latencies,
  random: Random,
  name: string,
): Promise<void> {
  const clients = clientsOf(life, latencies, name);
  const timer = followTimers(life, latencies);
  await Promise.all([
    timer,
    ...clients.map((client) => run(life, client, randomFrom(random(2 ** 31)))),
  ]);
}

async function run(life: ServerLife, client: Client, random: Random): Promise<void> {
  const connection = connect(life.address);
  const { timesMax = Number.POSITIVE_INFINITY } = client;
  try {
    for (let n = 0; n < timesMax && !life.killed; n++) {
      await client.call(connection, random, n);
      await life.rest(client.restMs);
    }
  } finally {
    connection.close();
  }
}

function clientsOf(life: ServerLife, latencies: Latencies, name: string): readonly Client[] {
  const setNumbers: Client = {
    restMs: 10,
    call: (to, random) => setSomeNumber(life, to, random),
  };
  return [
    setNumbers,
    setNumbers,
    { restMs: 10, call: (to, _, n) => timedSet(life, latencies, to, n) },
    { restMs: 20, call: (to, random) => factorial(life, latencies, to, random) },
    {
      restMs: 250,
      call: (to, random, n) => smallUpload(life, latencies, to, random, `${name}.a${n}`),
    },
    { restMs: 400, call: (to, random, n) => uploadSomething(life, to, random, `${name}.b${n}`) },
    {
      restMs: 20_000,
      timesMax: largeUploadsMax,
      call: (to, random, n) =>
        uploadChunk(life, to, largeChunk(random, `${name}.large${n}`), 'streamed', largePieceBytes),
    },
    {
      restMs: 3000,
      call: (to, _, n) => checkMarksMeanwhile(life, to, n % 2 === 0 ? 'csv' : 'parquet'),
    },
    { restMs: 700, call: (to, random, n) => brokenOffUpload(life, to, random, `${name}.c${n}`) },
    {
      restMs: 5000,
      timesMax: uncertainUploadsMax,
      call: (to, random, n) => cancelledUpload(life, to, random, `${name}.d${n}`),
    },
    { restMs: 300, call: (to, random) => cancelledCall(life, to, random) },
    { restMs: 500, call: (_, random) => onNewConnection(life, random) },
    { restMs: 500, call: (to) => unknownFormat(life, to) },
  ];
}

async function timedSet(
  life: ServerLife,
  latencies: Latencies,
  connection: Connection,
  n: number,
): Promise<void> {
  await latencies.time('SetNum', () => setNumber(life, connection, 'timed', BigInt(n)));
}

/** A factorial from the cache or from a thread, or why there is none. */
async function factorial(
  life: ServerLife,
  latencies: Latencies,
  connection: Connection,
  random: Random,
): Promise<void> {
  const n = random(int64FactorialMax + 3) - 1;
  if ((await setNumber(life, connection, 'n', BigInt(n))) === undefined) return;
  const reply = await latencies.time('Fact', () =>
    life.answer('Fact', () => connection.numbers.fact({ key: 'n' })),
  );
  if (reply === undefined) return;
  const has = n >= 0 && n <= int64FactorialMax;
  const right = has ? reply.error === '' && reply.value === product(n) : reply.error !== '';
  if (!right) throw new Violation(`Fact of ${n} is ${reply.value}, "${reply.error}"`);
}

const product = (n: number): bigint => (n < 2 ? 1n : BigInt(n) * product(n - 1));

async function smallUpload(
  life: ServerLife,
  latencies: Latencies,
  connection: Connection,
  random: Random,
  name: string,
): Promise<void> {
  const chunk = smallChunk(random, name);
  const beganMs = performance.now();
  await uploadChunk(life, connection, chunk, 'unary', 0);
  if (!life.killed) latencies.add('small upload', performance.now() - beganMs);
}

/**
 * A stream that is cancelled before its end: nothing of it may be kept.
 *
 * Node's HTTP/2 ends a stream in order before it resets it, so that a server which is told of the
 * end first would keep the whole number of rows that has come, if they did not say that more follow.
 */
async function brokenOffUpload(
  life: ServerLife,
  connection: Connection,
  random: Random,
  name: string,
): Promise<void> {
  const { csv } = smallChunk(random, name);
  const cancel = new AbortController();
  async function* neverEnding() {
    yield* pieces(csv, pieceBytes, csv.length + 1);
    setTimeout(() => cancel.abort(), random(cancelMsMax));
    await new Promise((_, reject) => cancel.signal.addEventListener('abort', reject));
  }
  const reply = await answerUnlessCancelled(life, 'a stream', cancel.signal, (signal) =>
    connection.streamed.upload(neverEnding(), { signal }),
  );
  if (reply?.error === '') throw new Violation(`${name} was kept although its stream broke off`);
}

/** An upload that is cancelled at any instant: its chunk is there as a whole or not at all. */
async function cancelledUpload(
  life: ServerLife,
  { table }: Connection,
  random: Random,
  name: string,
): Promise<void> {
  const chunk = smallChunk(random, name);
  life.expected.table.begin(chunk);
  const reply = await cancelSoon(life, random, 'an upload', (signal) =>
    table.upload({ csvData: chunk.csv }, { signal }),
  );
  if (reply === undefined) return;
  if (reply.error !== '') throw new Violation(`the upload of ${name} was refused: ${reply.error}`);
  life.expected.table.acknowledge(chunk);
}

/** A sum or a write that is cancelled at any instant. */
async function cancelledCall(life: ServerLife, to: Connection, random: Random): Promise<void> {
  if (random(2) === 0) {
    await cancelSoon(life, random, 'a sum', (signal) =>
      to.table.colSum(
        { column: 'balance', format: random(2) === 0 ? 'csv' : 'parquet' },
        { signal },
      ),
    );
    return;
  }
  const { numbers } = life.expected;
  const [key, value] = [`cancelled ${random(100)}`, BigInt(random(2 ** 40))];
  const write = numbers.begin(key, value);
  const reply = await cancelSoon(life, random, 'SetNum', (signal) =>
    to.numbers.setNum({ key, value }, { signal }),
  );
  if (reply !== undefined) numbers.acknowledge(write);
}

function cancelSoon<T>(
  life: ServerLife,
  random: Random,
  what: string,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const cancel = new AbortController();
  const timer = setTimeout(() => cancel.abort(), random(cancelMsMax));
  return answerUnlessCancelled(life, what, cancel.signal, call).finally(() => clearTimeout(timer));
}

/** The answer; undefined if the call was cancelled, or the server killed, before it. */
function answerUnlessCancelled<T>(
  life: ServerLife,
  what: string,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  return life.answer(what, async () => {
    try {
      return await call(signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  });
}

/** A client that comes, calls once and goes. */
async function onNewConnection(life: ServerLife, random: Random): Promise<void> {
  const connection = connect(life.address);
  try {
    await setSomeNumber(life, connection, random);
  } finally {
    connection.close();
  }
}

async function unknownFormat(life: ServerLife, { table }: Connection): Promise<void> {
  const reply = await life.answer('ColSum', () => table.colSum({ column: 'mark', format: 'xml' }));
  if (reply?.error === '') throw new Violation('a sum in the format "xml" was not refused');
}

const timerMs = 20;

async function followTimers(life: ServerLife, latencies: Latencies): Promise<void> {
  while (!life.killed) {
    const beganMs = performance.now();
    await delay(timerMs);
    latencies.add(timerName, performance.now() - beganMs - timerMs);
  }
}
