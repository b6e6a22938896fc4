import { readFileSync } from 'node:fs';
import { descriptorSetFile } from '@tally/stubs';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';

type Implementation = ReturnType<typeof ServerReflection>;
type Requests = Parameters<Implementation['serverReflectionInfo']>[0];
type Context = Parameters<Implementation['serverReflectionInfo']>[1];

/** Tells clients such as grpcurl what services there are, with all that is said of them in proto/. */
export function reflection(services: readonly string[]) {
  const { serverReflectionInfo } = ServerReflection(readFileSync(descriptorSetFile), [...services]);

  async function* answers(requests: Requests, context: Context) {
    for await (const request of requests) {
      // nice-grpc-server-reflection 3.0.3 knows what is in no package by a name that begins with a dot.
      const symbol = request.getFileContainingSymbol();
      const isUnpackaged = symbol !== '' && unpackaged.test(symbol);
      const asked = request.clone();
      if (isUnpackaged) asked.setFileContainingSymbol(`.${symbol}`);
      for await (const answer of serverReflectionInfo(one(asked), context)) {
        yield answer.setOriginalRequest(request);
      }
    }
  }

  const service: Implementation = { serverReflectionInfo: answers };
  return { definition: ServerReflectionService, service };
}

/** Names of Tally's that begin with a capital are in no package: numstore.proto and table.proto. */
const unpackaged = /^[A-Z]/;

async function* one<T>(value: T): AsyncGenerator<T> {
  yield value;
}
