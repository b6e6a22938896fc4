import type { Random } from '../random.js';

/** Bytes on a TCP connection of their own. */
export interface TcpCase {
  readonly over: 'tcp';
  readonly bytes: Buffer;
  /**
   * What the attacker does after them: asks with a PING whether the server has come that far, ends
   * its side (also where a PING would be taken for the rest of a frame), or tears the connection.
   */
  readonly ending: 'ping' | 'end' | 'tear';
}

/** A call in a well-formed session of HTTP/2, of any headers and any body. */
export interface CallCase {
  readonly over: 'session';
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
  /** Such a call has no whole request, or one that is too large: OK would be a wrong answer. */
  readonly mustFail?: boolean;
}

export type HostileCase = TcpCase | CallCase;

/** One way of being hostile; the same choices make the same case. */
export interface Kind {
  readonly name: string;
  readonly make: (random: Random) => HostileCase;
}

/** One of several values, each as likely. */
export function oneOf<T>(random: Random, values: readonly T[]): T {
  const value = values[random(values.length)];
  if (value === undefined) throw new Error('there is nothing to choose from');
  return value;
}

/** Bytes of any value. */
export function randomBytes(random: Random, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random(256)));
}

/** The bytes of a case as a violation shows them. */
export function shownBytes(hostile: HostileCase): string {
  const hexBytesMax = 150;
  const bytes = hostile.over === 'tcp' ? hostile.bytes : hostile.body;
  const rest = bytes.length - hexBytesMax;
  const hex = bytes.toString('hex', 0, hexBytesMax) + (rest > 0 ? `… and ${rest} bytes` : '');
  if (hostile.over === 'tcp') return `TCP, then ${hostile.ending}: ${hex}`;
  return `${JSON.stringify(hostile.headers).slice(0, 400)} ${hex}`;
}
