import { preface } from '@tally/bench/http2-frames';
import type { Random } from '../../random.js';
import { type CallCase, type Kind, oneOf, randomBytes, type TcpCase } from '../hostile-case.js';
import { anyBody, anyPathOf, headersOf } from '../requests.js';

/** The beginning of a TLS 1.2 ClientHello record. */
const tlsHello = Buffer.from('16030100c8010000c40303', 'hex');

function otherProtocol(random: Random): TcpCase {
  const bytes = oneOf<string | Buffer>(random, [
    `GET / HTTP/1.1\r\nHost: tally\r\n\r\n`,
    `POST /NumStore/SetNum HTTP/1.1\r\nHost: tally\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0`,
    'GET / HTTP/1.1\r\nHost: tally\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
    `GET /${'a'.repeat(random(20_000))} HTTP/1.1\r\n`,
    Buffer.concat([tlsHello, randomBytes(random, random(300))]),
    `SSH-2.0-OpenSSH_9.${random(9)}\r\n`,
    'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n',
    preface.subarray(0, random(preface.length)),
    randomBytes(random, random(2000)),
    '',
  ]);
  return { over: 'tcp', bytes: Buffer.from(bytes as string, 'latin1'), ending: 'end' };
}

function otherRequest(random: Random): CallCase {
  const headers: Record<string, string | string[]> = { ...headersOf(anyPathOf(random)) };
  // The last one is right: then only the method is wrong.
  const types = [
    '',
    'application/json',
    'text/html',
    'application/grp',
    'APPLICATION/GRPC',
    '\t',
    'application/grpc',
  ];
  const isTyped = random(2) === 0;
  if (isTyped) headers['content-type'] = oneOf(random, types);
  else delete headers['content-type'];
  headers[':method'] = oneOf(random, ['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'POST']);
  if (random(3) === 0) delete headers.te;
  return { over: 'session', headers, body: anyBody(random) };
}

function unknownMethod(random: Random): CallCase {
  const path = oneOf(random, [
    '/NumStore/DropAll',
    '/NumStore/setNum',
    '/numstore/SetNum',
    '/Table/',
    '/Table',
    '//SetNum',
    '/',
    '/tally.v1.TableService/upload',
    '/tally.v2.TableService/Upload',
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    '/constructor/prototype',
    `/${'x'.repeat(random(4000))}/y`,
    `/NumStore/${encodeURI('é\u202e')}%`,
    '/NumStore/SetNum ',
  ]);
  return { over: 'session', headers: headersOf(path), body: anyBody(random) };
}

export const notGrpc: readonly Kind[] = [
  { name: 'other protocols', make: otherProtocol },
  { name: 'requests that are not gRPC', make: otherRequest },
  { name: 'methods that do not exist', make: unknownMethod },
];
