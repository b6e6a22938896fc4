import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createToken } from '@tally/server/token-file';
import { FactRequest, FactResponse, SetNumRequest } from '@tally/stubs';
import { generate } from 'selfsigned';
import { type BenchRun, inTurn } from '../bench-run.js';
import type { SectionResult } from '../report/comparison.js';
import type { RunningServer } from '../running-server.js';
import { startTally } from '../tally-server.js';
import { type UnaryLoad, unaryRate } from '../unary-load.js';

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
}

/** What TLS, tokens, metrics and logs cost single calls, together and each by itself. */
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
    ],
    notes: [
      `${connections} connections, each with one call at a time; --durability os. The lines of the ` +
        'log go to a pipe that is read. Health and reflection are always on.',
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
  const rate = (load: Pick<UnaryLoad, 'path' | 'requests' | 'check'>, forSeconds: number) =>
    unaryRate({ ...load, address: server.address, connections, seconds: forSeconds, ca, token });
  await rate(setNum, warmUpSeconds);
  const set = await rate(setNum, seconds);
  await rate({ ...fact, check: () => true }, warmUpSeconds);
  return { set, fact: await rate(fact, seconds) };
}

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
