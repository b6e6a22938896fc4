import type { PlannedFault } from '../file-calls/fault-plan.js';
import { send } from '../ledger/send.js';
import type { Injection, Outcome } from './injection.js';
import { type Operation, takeOperations } from './operations.js';
import { createSession, type Session } from './session.js';

export const firstStart = 'the first start';

/** The operations of a start on an empty disk. */
export async function firstStartOperations(folder: string, library: string): Promise<Operation[]> {
  const session = await createSession(folder, library);
  try {
    session.plan.record(true);
    await session.start();
    return await takeOperations(session.journal);
  } finally {
    await session.close();
  }
}

/** Makes one call of a start on an empty disk fail, and then starts a server there again. */
export async function injectAtFirstStart(
  folder: string,
  library: string,
  fault: PlannedFault,
): Promise<Injection> {
  const session = await createSession(folder, library);
  try {
    session.plan.arm(fault);
    const printed = await session.start().then(
      () => undefined,
      (error: Error) => error.message,
    );
    const isFired = session.plan.disarm();
    const violations: string[] = [];
    const sentences: string[] = [];
    if (printed !== undefined && !fault.fault.startsWith('crash')) {
      sentences.push(printed.trim().replaceAll(session.dataDir, '<data>'));
      // A start error is one sentence: a stack alone says that nobody thought of it. lmdb prints one of
      // its own before it; it may also crash, where it cannot open a file that could be opened just
      // before; that is beyond Tally.
      const isTold = /Cannot open the data in .+\.$/m.test(printed);
      if (!isTold && /^ {4}at /m.test(printed)) violations.push(`the server printed ${printed}`);
    }
    violations.push(...(await startAgain(session)));
    return {
      scenario: firstStart,
      fault,
      outcome: outcomeOf(isFired, printed),
      sentences,
      violations,
    };
  } finally {
    await session.close();
  }
}

/** A start without a fault, on what the one with it has left; resolves to what is wrong. */
async function startAgain(session: Session): Promise<string[]> {
  try {
    await session.restart();
  } catch (error) {
    return [(error as Error).message];
  }
  const { clients, ledger } = session;
  const faults: string[] = [];
  for (const write of [ledger.nextNumber(), ledger.nextChunk()]) {
    const { outcome, sentence } = await send(clients(), ledger.add(write));
    if (outcome !== 'acknowledged') faults.push(`a write after it failed: ${sentence}`);
  }
  return [...faults, ...(await session.check())];
}

function outcomeOf(isFired: boolean, printed: string | undefined): Outcome {
  if (!isFired) return 'not reached';
  return printed === undefined ? 'acknowledged' : 'server ended';
}
