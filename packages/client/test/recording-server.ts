import { NumStoreDefinition } from '@tally/stubs';
import { createServer } from 'nice-grpc';
import { onTestFinished } from 'vitest';

/** A NumStore that remembers what it was sent. */
export interface RecordingServer {
  readonly port: number;
  /** For each connection, its requests in order: `SetNum key-1 15` or `Fact key-1`. */
  sent(): string[][];
}

/** Starts a NumStore that answers every Fact with 1; stopped when the test is over. */
export async function recordingServer(): Promise<RecordingServer> {
  const byConnection = new Map<string, string[]>();
  const record = (peer: string, request: string) => {
    const requests = byConnection.get(peer) ?? [];
    byConnection.set(peer, [...requests, request]);
  };
  const server = createServer();
  server.add(NumStoreDefinition, {
    async setNum({ key, value }, { peer }) {
      record(peer, `SetNum ${key} ${value}`);
      return {};
    },
    async fact({ key }, { peer }) {
      record(peer, `Fact ${key}`);
      return { value: 1n };
    },
  });
  onTestFinished(() => server.forceShutdown());
  const port = await server.listen('127.0.0.1:0');
  return { port, sent: () => [...byConnection.values()] };
}
