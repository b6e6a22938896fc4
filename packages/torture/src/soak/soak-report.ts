import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { timedCalls } from './latencies.js';
import { type LineChart, lineChart, type Panel } from './line-chart.js';
import type { Sample } from './sample.js';
import type { SoakRecord } from './soak-run.js';
import { type Finding, passes } from './soak-verdict.js';

const chartFile = 'soak.svg';

/** Writes the summary and the chart into a folder; resolves to the summary. */
export async function saveReport(
  folder: string,
  record: SoakRecord,
  findings: readonly Finding[],
): Promise<string> {
  const summary = summaryOf(record, findings);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, chartFile), lineChart(chartOf(record)));
  await writeFile(path.join(folder, 'soak.md'), summary);
  return summary;
}

function summaryOf(record: SoakRecord, findings: readonly Finding[]): string {
  const { minutes, how, lives, seed, numbersAcknowledged, chunksAcknowledged } = record;
  const rows = findings.map(
    ({ what, seen, allowed, holds }) =>
      `| ${what} | ${seen.replaceAll('|', '\\|')} | ${allowed} | ${verdictOf(holds)} |`,
  );
  return [
    '# Soak',
    '',
    `${new Date().toISOString()}: ${minutes.toFixed(1)} minutes in ${how}; ${lives} servers, each ended ` +
      `by SIGKILL; seed ${seed}. ${count(numbersAcknowledged)} numbers and ` +
      `${count(chunksAcknowledged)} chunks were acknowledged, and compared after each restart with ` +
      'what was there.',
    '',
    `**${passes(findings) ? 'Passed' : 'Failed'}.**`,
    '',
    '| what | seen | allowed | verdict |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    `![memory, open files, threads and latencies over time](${chartFile})`,
    '',
  ].join('\n');
}

const count = (n: number) => n.toLocaleString('en-US');

function verdictOf(holds: boolean | undefined): string {
  if (holds === undefined) return 'too short to tell';
  return holds ? 'holds' : '**fails**';
}

function chartOf({ samples, lives }: SoakRecord): LineChart {
  const line = (name: string, value: (sample: Sample) => number | undefined) => ({
    name,
    points: samples.flatMap((sample): readonly (readonly [number, number])[] => {
      const y = value(sample);
      return y === undefined ? [] : [[sample.minutes, y]];
    }),
  });
  const latencies = timedCalls.map(
    (name): Panel => ({
      label: `${name}, ms`,
      lines: [
        line('p50', (sample) => sample.latencies[name]?.p50),
        line('p99', (sample) => sample.latencies[name]?.p99),
      ],
    }),
  );
  return {
    title: 'A mixed load within 512 MB; dashed: kills',
    xUnit: 'min',
    marks: Array.from({ length: lives }, (_, life) => lastMinutes(samples, life)),
    panels: [
      {
        label: 'memory of the group, MB',
        lines: [
          line('with page cache', ({ groupMB }) => groupMB),
          line('peak without it', ({ peakMB }) => peakMB),
          line('anonymous', ({ anonymousMB }) => anonymousMB),
        ],
      },
      {
        label: 'open files and threads',
        lines: [
          line('open files', ({ openFiles }) => openFiles),
          line('threads', ({ threads }) => threads),
        ],
      },
      ...latencies,
    ],
  };
}

const lastMinutes = (samples: readonly Sample[], life: number) =>
  samples.findLast((sample) => sample.life === life)?.minutes ?? 0;
