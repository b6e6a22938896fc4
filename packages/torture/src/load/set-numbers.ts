import { type ClientError, Status } from 'nice-grpc';
import type { Connection } from '../connection.js';
import type { Random } from '../random.js';
import { Violation } from '../violation.js';
import { messageOf, type ServerLife } from './server-life.js';

/** Keys that several connections write all the time, and keys that are hardly ever written twice. */
const fewKeys = 8;
const manyKeys = 5000;
const valueMax = 2 ** 47;

/**
 * Holds most of what the total can be, so that no other number can be set to the largest int64: all
 * of them together are less than this.
 */
const ballastKey = 'ballast';
const ballast = 2n ** 60n;
const int64Max = 2n ** 63n - 1n;

/** Sets a number to a value that no other write has; resolves to the total after it. */
export async function setNumber(
  life: ServerLife,
  { numbers }: Connection,
  key: string,
  value: bigint,
): Promise<bigint | undefined> {
  const write = life.expected.numbers.begin(key, value);
  const reply = await life.answer(`SetNum of ${JSON.stringify(key)}`, () =>
    numbers.setNum({ key, value }),
  );
  if (reply !== undefined) life.expected.numbers.acknowledge(write);
  return reply?.total;
}

export const setBallast = (life: ServerLife, connection: Connection) =>
  setNumber(life, connection, ballastKey, ballast);

/** One write of a number, or now and then one that must be refused. */
export async function setSomeNumber(
  life: ServerLife,
  connection: Connection,
  random: Random,
): Promise<void> {
  const key = random(2) === 0 ? `few ${random(fewKeys)}` : `many ${random(manyKeys)}`;
  if (random(40) === 0) return refusedNumber(life, connection, random(2) === 0 ? '' : key);
  await setNumber(life, connection, key, BigInt(random(valueMax) - valueMax / 2));
}

/** A write with an empty key, or one that would take the total past int64. */
async function refusedNumber(life: ServerLife, { numbers }: Connection, key: string) {
  const expected = key === '' ? Status.INVALID_ARGUMENT : Status.OUT_OF_RANGE;
  try {
    await numbers.setNum({ key, value: int64Max });
  } catch (error) {
    if (life.killed || (error as ClientError).code === expected) return;
    throw new Violation(
      `SetNum that must be refused with ${Status[expected]} failed otherwise: ${messageOf(error)}`,
    );
  }
  throw new Violation(`SetNum of ${JSON.stringify(key)} to ${int64Max} was not refused`);
}
