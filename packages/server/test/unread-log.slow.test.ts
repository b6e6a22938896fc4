import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { scrape } from './scraped-metrics.js';
import { endWith, eventually, withProcess } from './server.js';

/** Far more than a drain and the last lines take. */
const enoughMs = 20_000;

const within = <T>(work: Promise<T>) => Promise.race([work, delay(enoughMs, 'too late' as const)]);

/** It makes a long line of each call. */
const longKey = '\u0001'.repeat(1000);

it.each(['json', 'pretty'])(
  'a reader of %s lines that does not read holds up neither calls nor the end',
  async (format) => {
    const metricsArgs = ['--metrics-port', '0'];
    const args = [...metricsArgs, '--log-level', 'info', '--log-format', format];
    await withProcess({ args }, async (server, { numberService }) => {
      const metricsPort = Number(/^Metrics: .*:(\d+)\//m.exec(server.output())?.[1]);
      expect((await scrape({ metricsPort })).value('tally_log_lines_dropped_total')).toBe(0);
      server.process.stderr?.pause();
      let calls = 0;
      const dropped = await eventually(async () => {
        const failing = Array.from({ length: 200 }, () =>
          numberService.getNumber({ key: longKey }),
        );
        expect(await within(Promise.allSettled(failing))).toHaveLength(200);
        calls += failing.length;
        const dropped = (await scrape({ metricsPort })).value('tally_log_lines_dropped_total') ?? 0;
        return dropped > 0 && dropped;
      });
      expect(dropped).toBeLessThan(calls);
      expect(await within(endWith(server, 'SIGTERM'))).toBe(0);
    });
  },
);
