import type { Peer, TallyAnswer } from './answers.js';
import { compare } from './comparison.js';
import { csvTraits } from './csv-traits.js';
import { knownDifferenceOf } from './known-differences.js';
import { ContradictionError, type TallyReading } from './tally-reading.js';

/** How the failure begins of an input with which Tally throws something else than a refusal. */
export const crash = 'Tally crashes';
const contradiction = 'Tally contradicts itself';

/** What came out for one input. */
export interface Verdict {
  /** Undefined if Tally did not answer. */
  readonly tally: TallyAnswer | undefined;
  /** What is wrong, as a sentence; its beginning up to the colon is the kind of failure. */
  readonly failure: string | undefined;
  /** Known differences, by peer and reason. */
  readonly known: readonly string[];
  /** Columns whose sums were compared with a peer's. */
  readonly sums: number;
}

/** No input takes as long: a call that has not ended then never will. */
const inputMsMax = 60_000;

/**
 * Gives an input to Tally and to the peers, and compares what they say.
 *
 * Throws if Tally does not answer at all, or a peer fails: then it is of no use any more.
 */
export async function judge(
  bytes: Buffer,
  slot: number,
  tally: TallyReading,
  peers: readonly Peer[],
): Promise<Verdict> {
  const traits = csvTraits(bytes);
  const columns = Math.max(1, traits.header.length);
  const [answer, ...answers] = await Promise.all([
    answerOf(tally, bytes, slot),
    ...peers.map((peer) => peer.read(bytes, columns)),
  ]);
  if (answer instanceof Error) {
    const how = answer instanceof ContradictionError ? contradiction : crash;
    const failure = `${how}: ${answer.message}`;
    return { tally: undefined, failure, known: [], sums: 0 };
  }
  const known: string[] = [];
  let failure: string | undefined;
  let sums = 0;
  for (const [i, { name }] of peers.entries()) {
    const peerAnswer = answers[i];
    if (peerAnswer === undefined) continue;
    const comparison = compare(answer, peerAnswer);
    sums += comparison.sums;
    const { difference } = comparison;
    if (difference === undefined) continue;
    const disagreement = { peer: name, tally: answer, answer: peerAnswer, difference, traits };
    const kind = knownDifferenceOf(disagreement);
    if (kind !== undefined) known.push(`${name}: ${kind.reason}`);
    else failure ??= `${name}, ${difference.kind}: ${difference.sentence}`;
  }
  return { tally: answer, failure, known, sums };
}

async function answerOf(
  tally: TallyReading,
  bytes: Buffer,
  slot: number,
): Promise<TallyAnswer | Error> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswerError('Tally does not answer')), inputMsMax);
  });
  try {
    return await Promise.race([tally.read(bytes, slot), late]);
  } catch (error) {
    if (error instanceof NoAnswerError) throw error;
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    clearTimeout(timer);
  }
}

class NoAnswerError extends Error {}
