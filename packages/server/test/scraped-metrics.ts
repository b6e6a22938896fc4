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
  checkHistograms(text, samples);
  return {
    families: parse(text),
    series: text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length,
    value(name, labels = {}) {
      const found = samplesOf(samples, name).find((sample) => isOf(sample, labels));
      return found?.value === undefined ? undefined : Number(found.value);
    },
  };
}

/** Throws unless each series of each histogram is one: https://prometheus.io/docs/instrumenting/exposition_formats */
function checkHistograms(text: string, samples: readonly Family[]): void {
  for (const [, name = ''] of text.matchAll(/^# TYPE (\S+) histogram$/gm)) {
    const of = (suffix: string) => samplesOf(samples, `${name}_${suffix}`);
    const byLabels = ({ labels }: Sample) => labelsText({ ...labels, le: '' });
    const buckets = new Map<string, Sample[]>();
    for (const sample of of('bucket')) {
      buckets.set(byLabels(sample), [...(buckets.get(byLabels(sample)) ?? []), sample]);
    }
    const counts = new Map(of('count').map((sample) => [byLabels(sample), Number(sample.value)]));
    const sums = new Map(of('sum').map((sample) => [byLabels(sample), Number(sample.value)]));
    const isAlone = samplesOf(samples, name).length === 0;
    if (!isAlone || counts.size !== buckets.size || sums.size !== buckets.size) {
      throw new Error(`${name} has other series than _bucket, _sum and _count of the same labels`);
    }
    for (const [labels, series] of buckets) {
      const bounds = series.map(({ labels }) => Number(labels?.le?.replace('+Inf', 'Infinity')));
      const values = series.map(({ value }) => Number(value));
      const grows = (list: readonly number[], by: (step: number) => boolean) =>
        list.every((value, i) => i === 0 || by(value - (list[i - 1] as number)));
      if (
        !grows(bounds, (step) => step > 0) ||
        !grows(values, (step) => step >= 0) ||
        bounds.at(-1) !== Number.POSITIVE_INFINITY ||
        values.at(-1) !== counts.get(labels) ||
        !((sums.get(labels) ?? Number.NaN) >= 0)
      ) {
        throw new Error(`${name}${labels} is no histogram: ${JSON.stringify(series)}`);
      }
    }
  }
}

/** The parser begins anew where other samples come between. */
const samplesOf = (families: readonly Family[], name: string): Sample[] =>
  families.filter((family) => family.name === name).flatMap(({ metrics }) => metrics);

const labelsText = (labels: Readonly<Record<string, string>>) =>
  JSON.stringify(Object.entries(labels).toSorted());

function isOf({ labels = {} }: Sample, wanted: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(wanted);
  return (
    names.length === Object.keys(labels).length &&
    names.every((name) => labels[name] === wanted[name])
  );
}
