import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as OTLP/JSON has it (opentelemetry-proto, trace.proto). */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string; readonly intValue?: number };
  }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Span['attributes'] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

/** A collector that keeps what it is sent. */
export interface Collector {
  readonly endpoint: string;
  readonly spans: readonly Span[];
  /** How often something was sent. */
  requests(): number;
  close(): void;
}

async function startCollector(answer: RequestListener): Promise<Collector> {
  const spans: Span[] = [];
  let requests = 0;
  const server = createServer(async (request, response) => {
    requests++;
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    if (request.url === '/v1/traces') {
      const { resourceSpans } = JSON.parse(Buffer.concat(parts).toString()) as Export;
      for (const { scopeSpans } of resourceSpans) {
        for (const scope of scopeSpans) spans.push(...scope.spans);
      }
    }
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests: () => requests,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Runs `work` beside a collector on a free port; `answer` ends the answers, which are in order by default. */
export async function withCollector(
  work: (collector: Collector) => Promise<void>,
  answer: RequestListener = (_request, response) => response.end('{}'),
): Promise<void> {
  const collector = await startCollector(answer);
  try {
    await work(collector);
  } finally {
    collector.close();
  }
}
