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
const warmUpSeconds = 2;
const none = 'nothing';

/** A way to run the server, and what its clients need then. */
interface Way {
  readonly name: string;
  readonly flags: readonly string[];
  readonly ca?: string;
  readonly token?: string;
  readonly samples: Rates[];
}

/** Calls a second. */
interface Rates {
  readonly set: number;
  readonly fact: number;
  readonly csvSum: number;
  readonly parquetSum: number;
}

/** What TLS, tokens, metrics and logs cost single calls and sums, together and each by itself. */
export async function operation({ options, workFolder }: BenchRun): Promise<SectionResult> {
  const ways = await waysIn(workFolder);
  await inTurn(options.rounds, ways, async (way) => {
    // LMDB's syncs vary more than what is measured here.
    const server = await startTally({ flags: [...way.flags, '--durability', 'os'] });
    way.samples.push(await measure(server, way, options.seconds));
    await server.stop();
  });
  const contestants = (of: keyof Rates) =>
    ways.map(({ name, samples }) => ({ name, setting: '', samples: samples.map((s) => s[of]) }));
  const bars = [{ timesBetterThan: none, factor: 0.9 }];
  // What is left is noise.
  const sumBars = [{ timesBetterThan: none, factor: 0.95 }];
  return {
    comparisons: [
      { work: 'SetNum', unit: 'calls/s', better: 'higher', contestants: contestants('set'), bars },
      {
        work: 'Fact, cached',
        unit: 'calls/s',
        better: 'higher',
        contestants: contestants('fact'),
        bars,
      },
      {
        work: 'CSV sum',
        unit: 'sums/s',
        better: 'higher',
        contestants: contestants('csvSum'),
        bars: sumBars,
      },
      {
        work: 'Parquet sum',
        unit: 'sums/s',
        better: 'higher',
        contestants: contestants('parquetSum'),
        bars: sumBars,
      },
    ],
    notes: [
      `${connections} connections, each with one call at a time; --durability os. The lines of the ` +
        'log go to a pipe that is read. Health and reflection are always on.',
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
  const { address } = server;
  const rate = (load: Load, forSeconds: number) =>
    unaryRate({ connections, ...load, address, seconds: forSeconds, ca, token });
  await rate(setNum, warmUpSeconds);
  const set = await rate(setNum, seconds);
  await rate({ ...fact, check: () => true }, warmUpSeconds);
  const facts = await rate(fact, seconds);
  await uploadTo(address, way);
  await rate(sum('csv'), warmUpSeconds);
  const csvSum = await rate(sum('csv'), seconds);
  return { set, fact: facts, csvSum, parquetSum: await rate(sum('parquet'), seconds) };
}

type Load = Pick<UnaryLoad, 'path' | 'requests' | 'check'> & { readonly connections?: number };

const sumChunks = 8;
const chunkRows = 500_000;

/** Uploads the chunks that are summed. */
async function uploadTo(address: string, { ca, token }: Way): Promise<void> {
  const rows = Array.from({ length: chunkRows }, (_, row) => `${row},${row % 1000}`);
  const csvData = Buffer.from(`x,y\n${rows.join('\n')}\n`);
  const body = frame(UploadReq.encode({ csvData }).finish());
  const session = sessionTo(address, ca);
  const headers = headersOf(token);
  try {
    for (let i = 0; i < sumChunks; i++) {
      const response = await call(session, '/Table/Upload', body, headers);
      const { error } = UploadResp.decode(response.subarray(5));
      if (error !== '') throw new Error(`an upload failed: ${error}`);
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
