import { type Connection, connect } from '../connection.js';
import { checkMarksMeanwhile } from '../load/check-sums.js';
import { largeChunk } from '../load/make-chunk.js';
import type { ServerLife } from '../load/server-life.js';
import { setSomeNumber } from '../load/set-numbers.js';
import { uploadChunk, uploadSomething } from '../load/upload-chunks.js';
import { type Random, randomFrom } from '../random.js';

const numberConnections = 2;
const numberWritersEach = 3;
const writesEach = 100;
const uploaders = 3;
const uploadsEachMax = 6;
const sums = 8;
const largePieceBytes = 64 * 1024;

/** One call of a client, its n-th. */
type Call = (connection: Connection, choices: Random, n: number) => Promise<void>;

/** Lets several clients call the server until all have done their part, or it was killed. */
export async function loadServer(
  life: ServerLife,
  random: Random,
  cycle: number,
  large: boolean,
): Promise<void> {
  const connections: Connection[] = [];
  const clients: Promise<void>[] = [];
  const open = () => {
    const connection = connect(life.address);
    connections.push(connection);
    return connection;
  };
  const start = (connection: Connection, times: number, call: Call) => {
    // Each client has choices of its own, so that they do not depend on which one is faster.
    const choices = randomFrom(random(2 ** 31));
    clients.push(repeat(life, times, (n) => call(connection, choices, n)));
  };

  for (let i = 0; i < numberConnections; i++) {
    const connection = open();
    for (let j = 0; j < numberWritersEach; j++) {
      start(connection, writesEach, (to, choices) => setSomeNumber(life, to, choices));
    }
  }
  for (let i = 0; i < uploaders; i++) {
    start(open(), 1 + random(uploadsEachMax), (to, choices, n) =>
      uploadSomething(life, to, choices, `upload ${n} of client ${i} in cycle ${cycle}`),
    );
  }
  start(open(), sums, (to, _, n) => checkMarksMeanwhile(life, to, n % 2 === 0 ? 'csv' : 'parquet'));
  if (large) {
    start(open(), 1, (to, choices) => {
      const chunk = largeChunk(choices, `the large upload of cycle ${cycle}`);
      return uploadChunk(life, to, chunk, 'streamed', largePieceBytes);
    });
  }
  try {
    await Promise.all(clients);
  } finally {
    for (const connection of connections) connection.close();
  }
}

async function repeat(
  life: ServerLife,
  times: number,
  work: (n: number) => Promise<void>,
): Promise<void> {
  for (let n = 0; n < times && !life.killed; n++) await work(n);
}
