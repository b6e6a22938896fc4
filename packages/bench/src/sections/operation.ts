import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createToken } from '@tally/server/token-file';
import {
  ColSumReq,
  ColSumResp,
  FactRequest,
  FactResponse,
  SetNumRequest,
  UploadReq,
  UploadResp,
} from '@tally/stubs';
import { generate } from 'selfsigned';
import { type BenchRun, inTurn } from '../bench-run.js';
import type { SectionResult } from '../report/comparison.js';
import type { RunningServer } from '../running-server.js';
import { startTally } from '../tally-server.js';
import { call, frame, headersOf, sessionTo, type UnaryLoad, unaryRate } from '../unary-load.js';

const connections = 8;
/** At the begin of each turn: a server that was idle has to get at its code again, and makes connections. */
const warmUpSeconds = 1;
const none = 'nothing';

/** A way to run the server, and what its clients need then. */
interface Way {
  readonly name: string;
  readonly flags: readonly string[];
  readonly ca?: string;
  readonly token?: string;
  readonly samples: Rates[];
}

/** What a server reaches, a second, and what it takes for it: CPU time of all its threads in µs. */
interface Rates {
  readonly set: number;
  readonly setCpu: number;
  readonly fact: number;
  readonly factCpu: number;
  readonly csvSum: number;
  readonly parquetSum: number;
}

/** What TLS, tokens, metrics and logs cost single calls and sums, together and each by itself. */
export async function operation({ options, workFolder }: BenchRun): Promise<SectionResult> {
  const ways = await waysIn(workFolder);
  const running: { readonly way: Way; readonly server: RunningServer }[] = [];
  for (const way of ways) {
    // LMDB's syncs vary more than what is measured here.
    const server = await startTally({ flags: [...way.flags, '--durability', 'os'] });
    running.push({ way, server });
    await fill(server.address, way);
    await measure(server, way, warmUpSeconds);
  }
  await inTurn(options.rounds, running, async ({ way, server }) => {
    way.samples.push(await measure(server, way, options.seconds));
  });
  for (const { server } of running) await server.stop();
  const contestants = (of: keyof Rates) =>
    ways.map(({ name, samples }) => ({ name, setting: '', samples: samples.map((s) => s[of]) }));
  const faster = (work: string, unit: string, of: keyof Rates, factor: number) => ({
    work,
    unit,
    better: 'higher' as const,
    contestants: contestants(of),
    bars: [{ timesBetterThan: none, factor }],
  });
  const cheaper = (work: string, of: keyof Rates) => ({
    work,
    unit: 'µs a call',
    better: 'lower' as const,
    contestants: contestants(of),
    bars: [],
  });
  return {
    comparisons: [
      faster('SetNum', 'calls/s', 'set', 0.9),
      cheaper("SetNum, the server's CPU time", 'setCpu'),
      faster('Fact, cached', 'calls/s', 'fact', 0.9),
      cheaper("Fact, cached, the server's CPU time", 'factCpu'),
      // What is left is noise.
      faster('CSV sum', 'sums/s', 'csvSum', 0.95),
      faster('Parquet sum', 'sums/s', 'parquetSum', 0.95),
    ],
    notes: [
      'All servers run at once, and have their turns one after the other. ' +
        `${connections} connections, each with one call at a time; --durability os. The lines of the log ` +
        'go to a pipe that is read. Health and reflection are always on.',
      `A sum is of ${sumChunks} chunks of ${chunkRows.toLocaleString('en')} rows, one at a time, and reads ` +
        'their files.',
    ],
  };
}

async function waysIn(folder: string): Promise<readonly Way[]> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
  });
  const { token, line } = createToken('bench', ['admin'], undefined);
  const file = (name: string, text: string) => {
    const at = path.join(folder, name);
    writeFileSync(at, text, { mode: 0o600 });
    return at;
  };
  const tls = ['--tls-cert', file('cert.pem', cert), '--tls-key', file('key.pem', key)];
  const tokens = ['--token-file', file('tokens', `${line}\n`)];
  const metrics = ['--metrics-port', '0'];
  const silent = ['--log-level', 'silent'];
  const way = (name: string, flags: readonly string[], client = {}): Way => ({
    name,
    flags,
    ...client,
    samples: [],
  });
  return [
    way('Tally', [...tls, ...tokens, ...metrics], { ca: cert, token }),
    way(none, silent),
    way('TLS alone', [...tls, ...silent], { ca: cert }),
    way('tokens alone', [...tokens, ...silent], { token }),
    way('metrics alone', [...metrics, ...silent]),
    way('logs alone', []),
  ];
}

async function measure(server: RunningServer, way: Way, seconds: number): Promise<Rates> {
  const { ca, token } = way;
  const { address, cpuMs } = server;
  const rate = (load: Load, forSeconds = seconds) =>
    unaryRate({ connections, ...load, address, seconds: forSeconds, ca, token });
  const rateAndCost = async (load: Load) => {
    await rate(load, warmUpSeconds);
    const cpuBeforeMs = cpuMs();
    const startMs = performance.now();
    const perSecond = await rate(load);
    const calls = (perSecond * (performance.now() - startMs)) / 1000;
    return [perSecond, ((cpuMs() - cpuBeforeMs) * 1000) / calls] as const;
  };
  const [set, setCpu] = await rateAndCost(setNum);
  const [factRate, factCpu] = await rateAndCost(fact);
  const csvSum = await rate(sum('csv'));
  const parquetSum = await rate(sum('parquet'));
  return { set, setCpu, fact: factRate, factCpu, csvSum, parquetSum };
}

type Load = Pick<UnaryLoad, 'path' | 'requests' | 'check'> & { readonly connections?: number };

const sumChunks = 8;
const chunkRows = 500_000;

/** Uploads the chunks that are summed, sets all numbers, and has their factorials computed. */
async function fill(address: string, { ca, token }: Way): Promise<void> {
  const rows = Array.from({ length: chunkRows }, (_, row) => `${row},${row % 1000}`);
  const csvData = Buffer.from(`x,y\n${rows.join('\n')}\n`);
  const upload = UploadReq.encode({ csvData }).finish();
  const session = sessionTo(address, ca);
  const answerTo = (path: string, request: Uint8Array) =>
    call(session, path, frame(request), headersOf(token));
  try {
    for (let i = 0; i < sumChunks; i++) {
      const { error } = UploadResp.decode((await answerTo('/Table/Upload', upload)).subarray(5));
      if (error !== '') throw new Error(`an upload failed: ${error}`);
    }
    for (const { path, requests } of [setNum, fact]) {
      for (const request of requests) await answerTo(path, request);
    }
  } finally {
    session.destroy();
  }
}

const expectedSum = (BigInt(sumChunks) * BigInt(chunkRows) * BigInt(chunkRows - 1)) / 2n;

const sum = (format: 'csv' | 'parquet'): Load => ({
  path: '/Table/ColSum',
  requests: [ColSumReq.encode({ column: 'x', format }).finish()],
  connections: 1,
  check: (response) => ColSumResp.decode(response).total === expectedSum,
});

/** As many numbers as the cache of factorials has entries, so that every Fact is a hit. */
const keys = Array.from({ length: 10 }, (_, n) => `key${n + 1}`);

const setNum = {
  path: '/NumStore/SetNum',
  requests: keys.map((key, n) => SetNumRequest.encode({ key, value: BigInt(n + 1) }).finish()),
  check: () => true,
};

const fact = {
  path: '/NumStore/Fact',
  requests: keys.map((key) => FactRequest.encode({ key }).finish()),
  check: (response: Uint8Array) => FactResponse.decode(response).hit,
};
