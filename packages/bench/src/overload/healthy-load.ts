import { type ClientHttp2Session, connect } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { FactRequest, SetNumRequest, UploadReq, UploadResp } from '@tally/stubs';
import { call, frame } from '../unary-load.js';

/** What clients saw that mean no ill. */
export interface HealthyTurn {
  /** Milliseconds of each answered call. */
  readonly numStoreMs: readonly number[];
  readonly uploadMs: readonly number[];
  /** Why others failed. */
  readonly failures: readonly string[];
}

export const numStoreCallsPerSecond = 200;
export const uploadsPerSecond = 20;
const connections = 4;

const key = 'healthy';
const setNum = frame(SetNumRequest.encode({ key, value: 20n }).finish());
const fact = frame(FactRequest.encode({ key }).finish());
const csvData = Buffer.from(`x,y\n${'12345,-6\n'.repeat(1000)}`);
const upload = frame(UploadReq.encode({ csvData }).finish());

/** SetNum and Fact in turn, and small uploads, at a fixed rate, on new connections. */
export async function healthyTurn(address: string, seconds: number): Promise<HealthyTurn> {
  const sessions = Array.from({ length: connections }, () => connect(`http://${address}`));
  const failures: string[] = [];
  // A call of a connection that cannot be made fails, and says why.
  for (const session of sessions) session.on('error', () => {});
  const atRate = (
    perSecond: number,
    one: (session: ClientHttp2Session, n: number) => Promise<void>,
  ) =>
    latencies(perSecond * seconds, 1000 / perSecond, failures, (n) =>
      one(sessions[n % connections] as ClientHttp2Session, n),
    );
  try {
    const [numStoreMs, uploadMs] = await Promise.all([
      atRate(numStoreCallsPerSecond, async (session, n) => {
        // Each connection has both.
        const isSet = Math.floor(n / connections) % 2 === 0;
        await (isSet
          ? call(session, '/NumStore/SetNum', setNum)
          : call(session, '/NumStore/Fact', fact));
      }),
      atRate(uploadsPerSecond, async (session) => {
        const answer = await call(session, '/Table/Upload', upload);
        const { error } = UploadResp.decode(answer.subarray(5));
        if (error !== '') throw new Error(error);
      }),
    ]);
    return { numStoreMs, uploadMs, failures };
  } finally {
    for (const session of sessions) session.destroy();
  }
}

/** How long each call took that did not fail; a call does not wait for the one before it. */
async function latencies(
  calls: number,
  intervalMs: number,
  failures: string[],
  one: (n: number) => Promise<void>,
): Promise<number[]> {
  const tookMs: number[] = [];
  const startMs = performance.now();
  const pending: Promise<void>[] = [];
  for (let n = 0; n < calls; n++) {
    await delay(Math.max(0, startMs + n * intervalMs - performance.now()));
    const sentMs = performance.now();
    pending.push(
      Promise.race([one(n), tooLate()]).then(
        () => void tookMs.push(performance.now() - sentMs),
        (error) => void failures.push(String(error)),
      ),
    );
  }
  await Promise.all(pending);
  return tookMs;
}

const answerMsMax = 10_000;

async function tooLate(): Promise<never> {
  await delay(answerMsMax, undefined, { ref: false });
  throw new Error(`no answer within ${answerMsMax} ms`);
}
