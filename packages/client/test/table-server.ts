import { TableDefinition, TableServiceDefinition } from '@tally/stubs';
import { createServer } from 'nice-grpc';
import { onTestFinished } from 'vitest';

/** An upload as a server has met it. */
export interface SeenUpload {
  readonly call: 'unary' | 'streamed';
  readonly bytes: number;
  /** The size that a stream has said, if its first message has said that it follows. */
  readonly total?: bigint | undefined;
}

/**
 * Starts a server with both table services that keeps nothing, and takes messages of at most
 * `messageBytesMax` bytes; stopped when the test is over. `answer` may throw in place of a reply.
 */
export async function tableServer(messageBytesMax: number, answer: () => void = () => {}) {
  const seen: SeenUpload[] = [];
  const server = createServer({ 'grpc.max_receive_message_length': messageBytesMax });
  server.add(TableDefinition, {
    async upload({ csvData }) {
      seen.push({ call: 'unary', bytes: csvData.length });
      answer();
      return {};
    },
    async colSum() {
      return {};
    },
  });
  const { upload } = TableServiceDefinition.methods;
  server.add({ ...TableServiceDefinition, methods: { upload } } as const, {
    async upload(requests) {
      let bytes = 0;
      let isPromised: boolean | undefined;
      let total: bigint | undefined;
      for await (const { csvData, csvBytesTotal, csvBytesTotalFollows } of requests) {
        bytes += csvData.length;
        isPromised ??= csvBytesTotalFollows === true;
        if (isPromised) total = csvBytesTotal ?? total;
      }
      seen.push({ call: 'streamed', bytes, total });
      answer();
      return {};
    },
  });
  onTestFinished(() => server.forceShutdown());
  const port = await server.listen('127.0.0.1:0');
  return { port: String(port), seen };
}
