import type { PlannedFault } from '../file-calls/fault-plan.js';
import { type Reply, send } from '../ledger/send.js';
import type { Scenario } from './scenarios.js';
import type { Session } from './session.js';

/** What followed a fault. */
export type Outcome =
  | 'acknowledged'
  | 'refused'
  | 'kept unseen'
  | 'stopped'
  | 'server ended'
  | 'not reached';

export interface Injection {
  readonly scenario: string;
  readonly fault: PlannedFault;
  readonly outcome: Outcome;
  /** What the clients were told. */
  readonly sentences: readonly string[];
  /** What must not be, if anything. */
  readonly violations: readonly string[];
}

/** Makes one call of a scenario fail, and judges what the server does then. */
export async function inject(
  session: Session,
  scenario: Scenario,
  fault: PlannedFault,
): Promise<Injection> {
  session.plan.arm(fault);
  const replies = await scenario.run(session);
  const isFired = session.plan.disarm();
  const isCrash = isFired && fault.fault.startsWith('crash');
  const hasEnded = await session.hasEnded(
    isCrash || replies.some(({ outcome }) => outcome === 'no reply'),
  );
  const violations = replies.flatMap((reply) => sentenceFaults(reply, session.dataDir));
  if (hasEnded && !isCrash) violations.push('the server ended by itself');
  const outcome = isFired ? outcomeOf(replies, hasEnded) : 'not reached';
  // Whatever a restart shows: what was not synced may be gone after a power loss.
  if (fault.kind === 'sync' && outcome === 'acknowledged')
    violations.push('it was acknowledged, but its sync had failed');
  if (hasEnded || outcome === 'stopped') await session.restart();
  else violations.push(...(await goOn(session)));
  violations.push(...(await session.check()));
  const sentences = replies.filter(({ sentence }) => sentence !== '').map(sentenceOf);
  return { scenario: scenario.name, fault, outcome, sentences, violations };
}

const sentenceOf = ({ outcome, code, sentence }: Reply) =>
  outcome === 'no reply' ? '(the connection ended)' : `${code}: ${sentence}`;

function sentenceFaults(reply: Reply, dataDir: string): string[] {
  if (reply.sentence === '' || reply.outcome === 'no reply') return [];
  const faults: string[] = [];
  if (/^(INTERNAL|UNKNOWN)$/.test(reply.code))
    faults.push(`a client was told ${sentenceOf(reply)}`);
  if (reply.sentence.includes(dataDir) || /\/\w+\//.test(reply.sentence)) {
    faults.push(`a client was told a path of the server: ${reply.sentence}`);
  }
  return faults;
}

/** The furthest of what the replies say. */
function outcomeOf(replies: readonly Reply[], hasEnded: boolean): Outcome {
  if (hasEnded) return 'server ended';
  const told = new Set(replies.map(({ outcome }) => outcome));
  for (const outcome of ['stopped', 'kept unseen', 'refused'] as const) {
    if (told.has(outcome)) return outcome;
  }
  return 'acknowledged';
}

/** The disk is well again: writes of both kinds must succeed, unless only a restart helps. */
async function goOn(session: Session): Promise<string[]> {
  const { clients, ledger } = session;
  const writes = [ledger.nextNumber(), ledger.nextChunk()];
  const replies = await Promise.all(writes.map((write) => send(clients(), ledger.add(write))));
  const failed = replies.filter(({ outcome }) => outcome !== 'acknowledged');
  if (failed.some(({ outcome }) => outcome === 'stopped')) await session.restart();
  return failed
    .filter(({ outcome }) => outcome !== 'stopped')
    .map((reply) => `a write after it had the answer ${sentenceOf(reply)}`);
}
