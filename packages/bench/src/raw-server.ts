// NumStore with @grpc/grpc-js alone, answering from Maps: what a call costs at the least with the
// same transport and the same encoders as Tally's. It keeps nothing and checks nothing.

import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { FactRequest, FactResponse, SetNumRequest, SetNumResponse } from '@tally/stubs';

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

function unary<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
) {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: Request) => Buffer.from(request.encode(message).finish()),
    requestDeserialize: (bytes: Buffer) => request.decode(bytes),
    responseSerialize: (message: Response) => asBuffer(response.encode(message).finish()),
    responseDeserialize: (bytes: Buffer) => response.decode(bytes),
  } as const;
}

/** The same bytes as a Buffer, without a copy. */
const asBuffer = ({ buffer, byteOffset, length }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, length);

const numStore = {
  setNum: unary('/NumStore/SetNum', SetNumRequest, SetNumResponse),
  fact: unary('/NumStore/Fact', FactRequest, FactResponse),
} satisfies ServiceDefinition;

const values = new Map<string, bigint>();
const factorials = new Map<bigint, bigint>();
let total = 0n;

function factorial(n: bigint): bigint {
  let product = 1n;
  for (let factor = 2n; factor <= n; factor++) product *= factor;
  return product;
}

const server = new Server();
server.addService(numStore, {
  setNum: (call: { request: SetNumRequest }, reply: Reply<SetNumResponse>) => {
    const { key, value } = call.request;
    total += value - (values.get(key) ?? 0n);
    values.set(key, value);
    reply(null, { total });
  },
  fact: (call: { request: FactRequest }, reply: Reply<FactResponse>) => {
    const n = values.get(call.request.key);
    if (n === undefined) return reply(null, { value: 0n, hit: false, error: 'unknown key' });
    const known = factorials.get(n);
    const value = known ?? factorial(n);
    factorials.set(n, value);
    reply(null, { value, hit: known !== undefined, error: '' });
  },
});

type Reply<Response> = (error: null, response: Response) => void;

server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(`serving numstore on 127.0.0.1:${port}`);
});
process.once('SIGTERM', () => process.exit(0));
