import path from 'node:path';
import type { PlannedFault } from '../file-calls/fault-plan.js';
import { firstStart, firstStartOperations, injectAtFirstStart } from './first-start.js';
import { type Injection, inject } from './injection.js';
import { faultsIn, type Operation, takeOperations } from './operations.js';
import { type Scenario, scenarios } from './scenarios.js';
import { createSession, type Session } from './session.js';

export const scenarioNames = [...scenarios.map(({ name }) => name), firstStart];

export interface DiskFaultsOptions {
  /** For the data folders; a path without symbolic links. */
  readonly folder: string;
  readonly library: string;
  /** Which faults to try of those that can be; default: all. */
  readonly choose?: (faults: readonly PlannedFault[]) => readonly PlannedFault[];
}

/** Faults after which the server is killed and its whole folder checked anew, at the latest. */
const faultsPerRestart = 40;
/** Faults after which a new folder is begun, so that none grows without end. */
const faultsPerFolder = 120;

/** Makes the calls of one scenario fail, one at a time. */
export async function* injectAll(
  name: string,
  options: DiskFaultsOptions,
): AsyncGenerator<Injection> {
  const { folder, library, choose = (faults) => faults } = options;
  let folders = 0;
  const nextFolder = () => path.join(folder, `${name} ${++folders}`);
  const scenario = scenarios.find((known) => known.name === name);
  if (scenario === undefined) {
    const operations = await firstStartOperations(nextFolder(), library);
    for (const fault of choose(faultsIn(operations))) {
      yield await injectAtFirstStart(nextFolder(), library, fault);
    }
    return;
  }
  let faults: readonly PlannedFault[] | undefined;
  for (let from = 0; faults === undefined || from < faults.length; from += faultsPerFolder) {
    const session = await createSession(nextFolder(), library);
    try {
      await session.start();
      faults ??= choose(faultsIn(await dryRun(session, scenario)));
      yield* injectInto(session, scenario, faults.slice(from, from + faultsPerFolder));
    } finally {
      await session.close();
    }
  }
}

/** The calls that a scenario makes, on a data folder that was written to before. */
async function dryRun(session: Session, scenario: Scenario): Promise<Operation[]> {
  await scenario.run(session);
  session.plan.record(true);
  await scenario.run(session);
  session.plan.record(false);
  return takeOperations(session.journal);
}

async function* injectInto(
  session: Session,
  scenario: Scenario,
  faults: readonly PlannedFault[],
): AsyncGenerator<Injection> {
  for (const [i, fault] of faults.entries()) {
    const injection = await injectOrFail(session, scenario, fault);
    const isLast = i === faults.length - 1;
    if ((i + 1) % faultsPerRestart !== 0 && !isLast) {
      yield injection;
      continue;
    }
    await session.restart();
    const late = (await session.check()).map((text) => `after a restart (or before it): ${text}`);
    yield { ...injection, violations: [...injection.violations, ...late] };
  }
}

/** What `inject` gives; a call without an answer, for example, is a violation too. */
async function injectOrFail(
  session: Session,
  scenario: Scenario,
  fault: PlannedFault,
): Promise<Injection> {
  try {
    return await inject(session, scenario, fault);
  } catch (error) {
    await session.restart();
    const violations = [(error as Error).message];
    return { scenario: scenario.name, fault, outcome: 'server ended', sentences: [], violations };
  }
}
