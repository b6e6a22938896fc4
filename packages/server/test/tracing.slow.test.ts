import type { RequestListener } from 'node:http';
import { expect, it } from 'vitest';
import { eventually, withProcess } from './server.js';
import { withCollector } from './trace-collector.js';

it.each([
  { what: 'refuses', answer: (_request, response) => response.writeHead(500).end() },
  { what: 'never answers', answer: () => {} },
  { what: 'cannot be reached', answer: undefined },
] satisfies { what: string; answer: RequestListener | undefined }[])(
  'a collector that $what harms no call, no log and no stop',
  async ({ answer }) => {
    await withCollector(async (collector) => {
      if (answer === undefined) collector.close();
      // No line for each call: what is there is about the collector.
      const args = ['--otlp-endpoint', collector.endpoint, '--log-level', 'warn'];
      let stoppingMs = 0;
      const server = await withProcess({ args }, async (server, { numbers }) => {
        for (let round = 0; round < 30; round++) {
          await Promise.all(
            Array.from({ length: 100 }, () => numbers.setNum({ key: 'a', value: 5n })),
          );
        }
        if (answer !== undefined) await eventually(async () => collector.requests() > 0);
        stoppingMs = performance.now();
        return server;
      });
      expect(server.process.exitCode).toBe(0);
      expect(performance.now() - stoppingMs).toBeLessThan(6_000);
      const lines = server
        .output()
        .split('\n')
        .filter((line) => line.startsWith('{'));
      expect(lines.length).toBeLessThan(3);
    }, answer);
  },
);
