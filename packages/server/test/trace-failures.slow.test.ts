import type { RequestListener, ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { scrape } from './scraped-metrics.js';
import { eventually, withProcess } from './server.js';
import { withCollector } from './trace-collector.js';

/** `receive`, `commit`, `send` and the call itself. */
const spansOfSet = 4;

/** How many spans a server has sent, and how many dropped. */
async function spansOf(server: { output(): string }) {
  const port = /^Metrics: http:\/\/127\.0\.0\.1:(\d+)/m.exec(server.output())?.[1];
  const metrics = await scrape({ metricsPort: Number(port) });
  return {
    sent: metrics.value('tally_trace_spans_sent_total') ?? Number.NaN,
    dropped: metrics.value('tally_trace_spans_dropped_total') ?? Number.NaN,
  };
}

const warnings = (server: { output(): string }) =>
  server
    .output()
    .split('\n')
    .filter((line) => line.includes('Traces do not arrive'))
    .map((line) => JSON.parse(line));

it.each([
  {
    what: 'refuses',
    answer: (_request, response) => response.writeHead(500).end(),
    why: /Internal Server Error|500/,
  },
  { what: 'never answers', answer: () => {}, why: /timed? ?out/i },
  { what: 'cannot be reached', answer: undefined, why: /ECONNREFUSED/ },
] satisfies { what: string; answer: RequestListener | undefined; why: RegExp }[])(
  'of a collector that $what the log and the metrics tell, and the server ends in time',
  async ({ answer, why }) => {
    await withCollector(async (collector) => {
      if (answer === undefined) collector.close();
      const args = ['--otlp-endpoint', collector.endpoint, '--metrics-port', '0'];
      let stoppingMs = 0;
      await withProcess({ args }, async (server, { numbers }) => {
        for (let i = 0; i < 10; i++) await numbers.setNum({ key: 'a', value: 5n });
        await eventually(async () => (await spansOf(server)).dropped === 10 * spansOfSet);
        await numbers.setNum({ key: 'a', value: 5n });
        await eventually(async () => (await spansOf(server)).dropped === 11 * spansOfSet);
        expect((await spansOf(server)).sent).toBe(0);
        // One a minute.
        expect(warnings(server)).toEqual([
          expect.objectContaining({ level: 'warn', collector: `${collector.endpoint}/v1/traces` }),
        ]);
        expect(warnings(server)[0].msg).toMatch(why);
        await numbers.setNum({ key: 'a', value: 5n });
        stoppingMs = performance.now();
      });
      expect(performance.now() - stoppingMs).toBeLessThan(3000);
    }, answer);
  },
);

it('a collector that is too slow gets whole calls, and the others are counted', async () => {
  const held: ServerResponse[] = [];
  let isSlow = true;
  const answer: RequestListener = (_request, response) => {
    if (isSlow) held.push(response);
    else response.end('{}');
  };
  await withCollector(async (collector) => {
    const args = ['--otlp-endpoint', collector.endpoint, '--metrics-port', '0'];
    await withProcess({ args }, async (server, { numbers }) => {
      const calls = 5000;
      for (let i = 0; i < calls; i += 500) {
        await Promise.all(
          Array.from({ length: 500 }, () => numbers.setNum({ key: 'a', value: 5n })),
        );
      }
      await eventually(async () => (await spansOf(server)).dropped > 0);
      isSlow = false;
      for (const response of held) response.end('{}');
      const { dropped } = await eventually(async () => {
        const spans = await spansOf(server);
        return spans.sent + spans.dropped === calls * spansOfSet && spans;
      });
      expect(dropped % spansOfSet).toBe(0);
      expect(dropped).toBeLessThan(calls * spansOfSet * 0.5);
      expect(warnings(server)[0].msg).toMatch(/the collector is too slow/);
    });
    const ids = new Set(collector.spans.map(({ spanId }) => spanId));
    const orphans = collector.spans.filter(
      ({ parentSpanId }) => parentSpanId !== undefined && !ids.has(parentSpanId),
    );
    expect(orphans).toEqual([]);
    expect(collector.spans.length % spansOfSet).toBe(0);
  }, answer);
});
