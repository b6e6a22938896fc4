import parse, { type Family } from 'parse-prometheus-text-format';

/** What Prometheus reads of a server. */
export interface Scraped {
  readonly families: readonly Family[];
  /** How many lines there are that are no comments. */
  readonly series: number;
  /** The value with just these labels; undefined if there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}

type Sample = Family['metrics'][number];

export async function scrape({
  metricsPort,
}: {
  readonly metricsPort: number | undefined;
}): Promise<Scraped> {
  const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status}: ${text}`);
  // The parser drops the labels of histograms: without their types, each of their series is its own.
  const samples = parse(text.replaceAll(/^# TYPE \S+ histogram$/gm, ''));
  return {
    families: parse(text),
    series: text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length,
    value(name, labels = {}) {
      // A family comes once for each of its runs of lines.
      const ofName = samples.filter((family) => family.name === name);
      const metrics = ofName.flatMap((family) => family.metrics);
      const found = metrics.find((sample) => isOf(sample, labels));
      return found?.value === undefined ? undefined : Number(found.value);
    },
  };
}

function isOf({ labels = {} }: Sample, wanted: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(wanted);
  return (
    names.length === Object.keys(labels).length &&
    names.every((name) => labels[name] === wanted[name])
  );
}
