import type { Random } from '../../random.js';
import { type CallCase, type Kind, oneOf } from '../hostile-case.js';
import { anyBody, anyPathOf, headersOf } from '../requests.js';

function oddMetadata(random: Random): CallCase {
  const odd = (): Readonly<Record<string, string | string[]>> =>
    oneOf<() => Readonly<Record<string, string | string[]>>>(random, [
      () => ({ [`x-${random(100)}`]: 'v'.repeat(random(20_000)) }),
      () => ({ 'x-many': Array.from({ length: random(400) }, (_, i) => `v${i}`) }),
      () => Object.fromEntries(Array.from({ length: random(400) }, (_, i) => [`x-${i}`, `${i}`])),
      () => ({ 'x-bin': oneOf(random, ['***', '=', 'A', '====', 'a b', '%', 'AAAA,BB,*']) }),
      () => ({ 'x-bin': 'A'.repeat(random(10_000)) }),
      () => ({ '-bin': 'AA==' }),
      () => ({ 'grpc-status': '0', 'grpc-message': 'ok' }),
      () => ({ 'grpc-accept-encoding': 'x'.repeat(random(3000)) }),
      () => ({ 'grpc-previous-rpc-attempts': '99999999999999999999' }),
      () => ({ 'grpc-trace-bin': '*', 'grpc-tags-bin': '*' }),
      () => ({ __proto__x: '1', constructor: '1', tostring: '1' }),
      () => ({ 'user-agent': '\u007f'.repeat(random(100)) }),
      () => ({ 'x-latin': '\u00ff'.repeat(1 + random(100)) }),
      () => ({ cookie: Array.from({ length: random(200) }, (_, i) => `a=${i}`) }),
    ])();
  return {
    over: 'session',
    headers: { ...headersOf(anyPathOf(random)), ...odd(), ...odd() },
    body: anyBody(random),
  };
}

function badTimeout(random: Random): CallCase {
  const timeout = oneOf(random, [
    '',
    '0n',
    '0S',
    '1n',
    '1u',
    '-1S',
    '1',
    'S',
    '1s',
    '1 S',
    '1e3S',
    '0x10S',
    '99999999H',
    '99999999M',
    '999999999S',
    '99999999999999999999H',
    'NaNS',
    'InfinityS',
    '1S,2S',
    '1.5S',
    String(random(100_000)),
    `${random(100)}m`,
  ]);
  const headers = { ...headersOf(anyPathOf(random)), 'grpc-timeout': timeout };
  return { over: 'session', headers, body: anyBody(random) };
}

export const hostileMetadata: readonly Kind[] = [
  { name: 'odd metadata', make: oddMetadata },
  { name: 'bad timeouts', make: badTimeout },
];
